// What a user sees of an inode where it differs from the branch's: its number, its link count and perhaps its owner.

import type { Stat } from '../posix/stat.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';

/** Turns a branch's attributes into the union's. */
export function fillAttributes(u: UnionState, node: Node, out: Stat): void {
  out.ino = node.ino;
  if (u.owners !== null) u.owners.show(out);
  if (node.isDirectory) {
    // AUFS adds up the layers; 1 is what file systems say that do not count, and find(1) understands it.
    if (node.layers.length > 1 || node === u.root) out.nlink = 1;
    if (u.shownTimes.size > 0) u.shownTimes.show(node, out);
  } else if (u.plinks.size > 0) {
    // Names on lower branches count, the link in .wh..wh.plnk does not.
    out.nlink = u.plinks.nlink(node.ino) ?? out.nlink;
  }
}
