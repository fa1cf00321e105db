// link: on the branch where the file is; if that takes no writes, the file is copied up first, and a
// pseudo-link remembers that its lower names are the same file.

import { E, Errno, must } from '../posix/errno.js';
import { linkFd, linkat } from '../posix/directory.js';
import type { Stat } from '../posix/stat.js';
import { statat } from '../posix/stat.js';
import { copyUp, ensureDirectory } from './copyup.js';
import { childPath } from './create.js';
import { Probe, probe } from './lookup.js';
import { checkName } from './name.js';
import type { Node } from './node.js';
import { anchorOf, statNode } from './place.js';
import { copyUpBranch, mustTakeEntries, nearestAbove } from './policy.js';
import { fillAttributes } from './shown.js';
import type { UnionState } from './state.js';
import { keepingTimes } from './times.js';
import { removeWhiteout } from './whiteout.js';

const target = new Probe();

/** LINK: a new name for the node. Throws EPERM for a directory, EEXIST if the name is there. */
export function link(u: UnionState, node: Node, newParent: Node, newName: string, out: Stat): Node {
  checkName(newName);
  u.refresh(node);
  u.refresh(newParent);
  if (node.isDirectory) throw new Errno(E.EPERM);
  if (newParent.removed) throw new Errno(E.ENOENT);
  if (probe(u, newParent, newName, target)) throw new Errno(E.EEXIST);

  mustTakeEntries(u, newParent);

  let branch = node.top.writable ? node.top : copyUpBranch(u, node.parent, node.top);
  let limit = Math.min(branch.index, newParent.limit);
  if (target.whiteout !== null) limit = Math.min(limit, target.whiteout.index);
  if (limit !== branch.index) branch = nearestAbove(u, limit);
  if (branch !== node.top) copyUpForLink(u, node, branch);
  ensureDirectory(u, newParent, branch);

  const dirfd = u.directoryOn(newParent, branch);
  if (node.removed) must(linkFd(anchorOf(node), dirfd, newName));
  else must(linkat(u.directoryOn(node.parent as Node, branch), node.name, dirfd, newName, 0));
  if (target.whiteout === branch) removeWhiteout(dirfd, newName);
  if (node.removed) {
    node.setPlace(newParent, newName, false);
    node.removed = false;
  } else {
    node.addName(newParent, newName);
  }
  must(statat(dirfd, newName, out));
  fillAttributes(u, node, out);
  u.event('link', branch, () => childPath(newParent, newName), { from: node.path() });
  return node;
}

/** A file copied up for a link gets a pseudo-link, however many names it had (aufs(5), "Pseudo Link"). */
function copyUpForLink(u: UnionState, node: Node, branch: typeof node.top): void {
  const st = u.scratch;
  statNode(u, node, st);
  const below = st.ino;
  const { parent } = node;
  if (node.removed || parent === null) {
    copyUp(u, node, branch);
    return;
  }
  ensureDirectory(u, parent, branch);
  const dirfd = u.directoryOn(parent, branch);
  keepingTimes(dirfd, () => copyUp(u, node, branch));
  u.plinks.add(node.ino, below, branch, dirfd, node.name);
}
