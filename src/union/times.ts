// Times of a directory that the union changes for its own ends.

import { futimens } from '../posix/attributes.js';
import { must } from '../posix/errno.js';
import { Stat, fstat } from '../posix/stat.js';

const before = new Stat();

/** Runs `work`, which puts a name into the directory that the user had there already: its times are kept, as AUFS does. */
export function keepingTimes(dirfd: number, work: () => void): void {
  must(fstat(dirfd, before));
  const { atime, atimeNsec, mtime, mtimeNsec } = before;
  work();
  must(futimens(dirfd, atime, atimeNsec, mtime, mtimeNsec));
}
