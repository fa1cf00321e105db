// A branch begins to take writes: AUFS's entries are made, and what a crash left is finished or removed.

import { Errno } from '../posix/errno.js';
import { type Branch, UnionError } from './branch.js';
import { recoverRename } from './rename-journal.js';
import { emptyOrphans, prepareBranch } from './whiteout.js';

/** Throws UnionError where the branch cannot be written. */
export function beginWriting(branch: Branch, plink: boolean): void {
  prepareBranch(branch, plink);
  try {
    recoverRename(branch);
    emptyOrphans(branch);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new UnionError(`branch ${branch.path}: what an interrupted mount left cannot be removed: ${error.message}`);
  }
}
