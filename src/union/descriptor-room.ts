// How many descriptors the open files of users may take. Some are kept for the union's own work, so that who has many
// files open is refused the next one, and everything else goes on.

import { E, Errno } from '../posix/errno.js';
import { close, dup } from '../posix/file.js';
import { getNofile } from '../posix/limits.js';

/** Kept for directories on branches, copy-ups and the control socket; of a low limit at most a quarter. */
const KEPT = 256;

export class DescriptorRoom {
  /** The lowest descriptor that a user's file may not have. */
  readonly end: number;
  /** Descriptors have been seen in the upper half: only then does it pay to look. */
  scarce = false;

  constructor(limit = getNofile().soft) {
    this.end = limit - Math.min(KEPT, limit / 4);
  }

  /** Hears of each new descriptor that stays open. */
  opened(fd: number): void {
    if (fd > this.end / 2) this.scarce = true;
  }

  /** Before anything is done for a file that is to be opened. Throws ENFILE where all that files may have is taken. */
  checkForFile(anyOpen: number): void {
    if (!this.scarce) return;
    const lowestFree = dup(anyOpen);
    if (lowestFree >= 0) close(lowestFree);
    if (lowestFree < 0 || lowestFree >= this.end) throw new Errno(E.ENFILE);
    if (lowestFree < this.end / 4) this.scarce = false;
  }
}
