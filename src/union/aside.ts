// Directories that users see as empty, or not at all, but that hold whiteouts: they go out of sight at once, by one
// rename, and are removed piece by piece.

import { E, Errno } from '../posix/errno.js';
import { fchmodat } from '../posix/attributes.js';
import { renameat2 } from '../posix/directory.js';
import { Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { moveIn } from './copyup.js';
import { removeTree } from './remove-tree.js';

const st = new Stat();

/**
 * Moves a directory out of sight, under the name `aside`: among the branch's orphans, which the next mount empties.
 * Where it cannot be moved there (another mount of an ordinary user's) it stays beside, under a name that nobody sees.
 */
export function setAside(branch: Branch, dirfd: number, name: string, aside: string): void {
  let result = renameat2(dirfd, name, branch.orphanDir, aside, 0);
  if (result === -E.EACCES && fchmodat(dirfd, name, 0o700) >= 0) {
    // Who may not write a directory may not move it, nor remove what it holds.
    result = renameat2(dirfd, name, branch.orphanDir, aside, 0);
  }
  if (result < 0) result = renameat2(dirfd, name, dirfd, aside, 0);
  if (result < 0) throw new Errno(-result);
}

/** Puts it back, unless something has its name. False where it could not be. */
export function putBack(branch: Branch, dirfd: number, name: string, aside: string): boolean {
  const home = whereIs(branch, dirfd, aside);
  return home < 0 || moveIn(home, aside, dirfd, name) >= 0 || statat(dirfd, name, st) >= 0;
}

/** Removes it. What cannot be removed, nobody sees. */
export function removeAside(branch: Branch, dirfd: number, aside: string): void {
  const home = whereIs(branch, dirfd, aside);
  if (home >= 0) removeQuietly(home, aside);
}

/** For what nobody sees or waits for: its errors are of no concern to whoever is served. */
export function removeQuietly(dirfd: number, name: string): void {
  try {
    removeTree(dirfd, name);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

function whereIs(branch: Branch, dirfd: number, aside: string): number {
  for (const home of [branch.orphanDir, dirfd]) if (home >= 0 && statat(home, aside, st) >= 0) return home;
  return -1;
}
