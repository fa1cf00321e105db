// Times of a directory that the union changes for its own ends.

import { futimens } from '../posix/attributes.js';
import { must } from '../posix/errno.js';
import { Stat, fstat } from '../posix/stat.js';
import type { Node } from './node.js';

const before = new Stat();

/** Runs `work`, which puts a name into the directory that the user had there already: its times are kept, as AUFS does. */
export function keepingTimes(dirfd: number, work: () => void): void {
  must(fstat(dirfd, before));
  const { atime, atimeNsec, mtime, mtimeNsec } = before;
  work();
  must(futimens(dirfd, atime, atimeNsec, mtime, mtimeNsec));
}

/**
 * The modification time that a directory goes on showing after a copy-up put something into it, for as long as
 * nothing else changes it: with udba=none AUFS does not refresh the directory's inode then.
 */
interface ShownTime {
  mtime: number;
  mtimeNsec: number;
  /** The branch's own time after the copy-up. */
  branchMtime: number;
  branchMtimeNsec: number;
}

/** By the directory's inode number in the union: the kernel may forget the directory meanwhile. */
export class ShownTimes {
  private readonly times = new Map<number, ShownTime>();

  get size(): number {
    return this.times.size;
  }

  /** Runs `work`, which puts a copy into the directory `dirfd` of `node`, and has the node show the time from before. */
  keepDuring(node: Node, dirfd: number, work: () => void): void {
    must(fstat(dirfd, after));
    this.show(node, after);
    const { mtime, mtimeNsec } = after;
    work();
    must(fstat(dirfd, after));
    this.times.set(node.ino, { mtime, mtimeNsec, branchMtime: after.mtime, branchMtimeNsec: after.mtimeNsec });
  }

  /** Puts the time to show into a directory's attributes, if it has one. */
  show(node: Node, out: Stat): void {
    const shown = this.times.get(node.ino);
    if (shown === undefined) return;
    if (out.mtime !== shown.branchMtime || out.mtimeNsec !== shown.branchMtimeNsec) {
      this.times.delete(node.ino);
      return;
    }
    out.mtime = shown.mtime;
    out.mtimeNsec = shown.mtimeNsec;
  }

  /**
   * A name in the directory came or went. To be told, since the branch's own time may stay what it was: Linux gives a
   * directory that gets a hard link the coarse time of the linked inode, which may be that of the copy-up.
   */
  changed(node: Node): void {
    if (this.times.size > 0) this.times.delete(node.ino);
  }

  forget(node: Node): void {
    this.times.delete(node.ino);
  }
}

const after = new Stat();
