// What a union does first and last: its branches and its root are opened, and everything is closed.

import { must } from '../posix/errno.js';
import { close } from '../posix/file.js';
import { S, Stat, fstat } from '../posix/stat.js';
import { beginWriting } from './begin-writing.js';
import { type BranchOpener, UnionError, overlapError } from './branch.js';
import { Node } from './node.js';
import { isInterrupted } from './rename-journal.js';
import { flushRenamed } from './rename-record.js';
import { openRenamed } from './renamed-directory.js';
import type { UnionState } from './state.js';
import { releaseBranch } from './whiteout.js';
import { unionInode } from './xino.js';

/** Opens the branches of the options. Throws UnionError; those opened so far are closed by `closeAll`. */
export function openBranches(u: UnionState, opener: BranchOpener): void {
  const { options } = u;
  if (options.branches.length === 0) throw new UnionError('no branch is given; say br=DIRECTORY[:DIRECTORY…]');
  const paths: string[] = [];
  for (const [index, spec] of options.branches.entries()) {
    const overlap = overlapError(paths, spec.path);
    if (overlap !== null) throw new UnionError(overlap);
    paths.push(spec.path);
    u.branches.push(opener.open(spec, index, options.readonly));
  }
  for (const branch of u.branches) {
    if (branch.writable) {
      beginWriting(branch, options.plink);
    } else if (isInterrupted(branch)) {
      u.hooks.log('warn', `a rename on ${branch.path} was interrupted; mount it with rw once, so that it is finished or undone`);
    }
    openRenamed(u, branch);
    u.warnOf(branch);
  }
}

export function makeRoot(u: UnionState): void {
  const top = u.branches[0];
  const st = new Stat();
  must(fstat(top.root, st));
  const root = new Node(unionInode(top, st), S.IFDIR, null, '', [...u.branches]);
  root.lookups = 1;
  root.epoch = u.epoch;
  u.root = u.nodes.add(root);
}

/** Closes every descriptor that the union has, but for those of its inode numbers. */
export function closeAll(u: UnionState): void {
  u.watch?.close();
  u.watch = null;
  for (const handle of u.files.all()) close(handle.fd);
  for (const node of u.nodes.all()) {
    if (node.fds !== null) u.forgetDescriptors(node);
    if (node.anchor >= 0) close(node.anchor);
  }
  for (const branch of u.branches) {
    flushRenamed(branch);
    releaseBranch(branch);
    close(branch.root);
  }
  u.branches = [];
}
