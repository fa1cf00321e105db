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
  const { top } = node;
  const { coo, moo } = top.spec;
  if ((coo === 'none' && !moo) || node.removed || node.parent === null) return;
  const wanted = node.type === S.IFREG || (node.isDirectory && coo === 'all');
  if (!wanted) return;
  const target = writableAbove(u, top);
  if (target === null) return;
  const { parent, name } = node;
  u.watch?.comes(parent, name);
  u.watch?.goes(parent, name);
  copyUp(u, node, target);
  if (moo && !node.isDirectory) unlinkat(u.directoryOn(parent, top), name, 0);
}

function writableAbove(u: UnionState, branch: Branch): Branch | null {
  try {
    return nearestAbove(u, branch.index - 1);
  } catch (error) {
    if (error instanceof Errno && error.errno === E.EROFS) return null;
    throw error;
  }
}
