// The branch attributes coo_reg, coo_all and moo (aufs(5), "Copy-up on open"): what is opened there is copied to
// the nearest writable branch above, and with moo taken away where it was.

import { unlinkat } from '../posix/directory.js';
import { Errno, E } from '../posix/errno.js';
import { S } from '../posix/stat.js';
import { copyUp } from './copyup.js';
import type { Branch } from './branch.js';
import type { Node } from './node.js';
import { nearestAbove } from './policy.js';
import type { UnionState } from './state.js';

export function copyUpOnOpen(u: UnionState, node: Node): void {
  const target = openingBranch(u, node);
  if (target === null || node.parent === null) return;
  const { top, parent, name } = node;
  const { moo } = top.spec;
  u.watch?.own.comes(parent, name);
  u.watch?.own.goes(parent, name);
  copyUp(u, node, target);
  if (moo && !node.isDirectory) unlinkat(u.directoryOn(parent, top), name, 0);
}

/** Where what is opened is copied up to; null where it stays. */
export function openingBranch(u: UnionState, node: Node): Branch | null {
  const { coo, moo } = node.top.spec;
  if ((coo === 'none' && !moo) || node.removed || node.parent === null) return null;
  const wanted = node.type === S.IFREG || (node.isDirectory && coo === 'all');
  return wanted ? writableAbove(u, node.top) : null;
}

function writableAbove(u: UnionState, branch: Branch): Branch | null {
  try {
    return nearestAbove(u, branch.index - 1);
  } catch (error) {
    if (error instanceof Errno && error.errno === E.EROFS) return null;
    throw error;
  }
}
