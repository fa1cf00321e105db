// Removes what users cannot see: a directory full of whiteouts, what a crash left.

import { E, Errno } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { readDirectory, unlinkat } from '../posix/directory.js';

/** Removes `name` and everything below it, never through a symlink. It is no error if it is gone. */
export function removeTree(dirfd: number, name: string): void {
  const unlinked = unlinkat(dirfd, name, 0);
  if (unlinked >= 0 || unlinked === -E.ENOENT) return;
  // Linux says EISDIR; POSIX and some file systems say EPERM.
  if (unlinked !== -E.EISDIR && unlinked !== -E.EPERM) throw new Errno(-unlinked);
  removeChildren(dirfd, name);
  const removed = unlinkat(dirfd, name, AT.REMOVEDIR);
  if (removed < 0 && removed !== -E.ENOENT) throw new Errno(-removed);
}

function removeChildren(dirfd: number, name: string): void {
  const fd = openat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd < 0) throw new Errno(-fd);
  try {
    const names: string[] = [];
    const result = readDirectory(fd, (child) => names.push(child));
    if (result < 0) throw new Errno(-result);
    for (const child of names) removeTree(fd, child);
  } finally {
    close(fd);
  }
}
