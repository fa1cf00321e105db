// How many names the listings of open directories may hold. An ordinary user can open a large directory often enough to
// fill the memory of the process that serves everybody: he is refused, and everything else goes on.

import { getHeapStatistics } from 'node:v8';
import { E, Errno } from '../posix/errno.js';

/** A name in a listing with its type, inode number and branch; 110 to 125 were measured, for names of 25 bytes. */
const BYTES_A_NAME = 128;
/** A listing of so few names is never refused: it is the number of open directories that limits these. */
const SMALL = 1000;

export class ListingRoom {
  private held = 0;

  /** Half of the memory there is, by default. */
  constructor(private readonly most = getHeapStatistics().heap_size_limit / 2 / BYTES_A_NAME) {}

  /** Hears of names that a listing holds from now on; negative: no more. */
  hold(names: number): void {
    this.held += names;
  }

  /** While a listing is made that has so many names by now. Throws ENOMEM where they are too many. */
  check(names: number): void {
    if (names > SMALL && this.held + names > this.most) throw new Errno(E.ENOMEM);
  }
}
