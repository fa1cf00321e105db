// link: on the branch where the file is; if that takes no writes, the file is copied up first, and a
// pseudo-link remembers that its lower names are the same file.

import { E, Errno, must } from '../posix/errno.js';
import { linkFd, linkat, unlinkat } from '../posix/directory.js';
import type { Stat } from '../posix/stat.js';
import { statat } from '../posix/stat.js';
import { copyUp, ensureDirectory } from './copyup.js';
import { clearBehindWhiteout } from './create.js';
import { Probe, probe } from './lookup.js';
import { checkName } from './name.js';
import type { Branch } from './branch.js';
import { type Node, childPath } from './node.js';
import { anchorOf, hold, letGo } from './place.js';
import { linkBranch, mustTakeEntries } from './policy.js';
import { fillAttributes } from './shown.js';
import type { UnionState } from './state.js';
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
  u.watch?.own.comes(newParent, newName);

  const branch = linkBranch(u, newParent, node.top, target);
  // A link between branches would let a write through to the one that takes none.
  if (branch.index > node.top.index) throw new Errno(E.EXDEV);
  if (branch !== node.top && !node.removed) return copyUpAs(u, node, newParent, newName, branch, out);
  if (branch !== node.top) copyUp(u, node, branch);
  ensureDirectory(u, newParent, branch);

  const dirfd = u.directoryOn(newParent, branch);
  if (target.whiteout === branch) clearBehindWhiteout(u, branch, dirfd, newName);
  if (node.removed) must(linkFd(anchorOf(node), dirfd, newName));
  else linkHeld(u, node, dirfd, newName);
  reveal(u, newParent, newName, branch, dirfd);
  u.plinks.count(node.ino, 1);
  if (node.removed) {
    node.setPlace(newParent, newName, false);
    node.removed = false;
    node.closeAnchor();
  } else {
    node.addName(newParent, newName);
  }
  return linked(u, node, newParent, newName, branch, dirfd, out);
}

function linkHeld(u: UnionState, node: Node, dirfd: number, newName: string): void {
  const held = hold(u, node);
  try {
    must(linkFd(held.fd, dirfd, newName));
  } finally {
    letGo(held);
  }
}

/**
 * A file on a branch that takes no writes: with pseudo-links it is copied up under the new name, and the old name
 * shows the copy; without, it is copied up under its own and linked.
 */
function copyUpAs(
  u: UnionState, node: Node, newParent: Node, newName: string, branch: Branch, out: Stat,
): Node {
  ensureDirectory(u, newParent, branch);
  const dirfd = u.directoryOn(newParent, branch);
  if (target.whiteout === branch) clearBehindWhiteout(u, branch, dirfd, newName);
  if (u.options.plink) {
    copyUp(u, node, branch, { as: { parent: newParent, name: newName } });
    try {
      reveal(u, newParent, newName, branch, dirfd);
    } catch (error) {
      // The copy stays, as what the old name shows.
      if (!u.plinks.settle(node)) node.removeName(newParent, newName);
      throw error;
    }
    u.plinks.count(node.ino, 1);
  } else {
    copyUp(u, node, branch);
    must(linkat(u.directoryOn(node.parent!, branch), node.name, dirfd, newName, 0));
    reveal(u, newParent, newName, branch, dirfd);
    node.addName(newParent, newName);
  }
  return linked(u, node, newParent, newName, branch, dirfd, out);
}

/** The new name is seen, or it goes. */
function reveal(u: UnionState, newParent: Node, newName: string, branch: Branch, dirfd: number): void {
  if (target.whiteout !== branch) return;
  try {
    if (!removeWhiteout(dirfd, newName)) return;
  } catch (error) {
    unlinkat(dirfd, newName, 0);
    throw error;
  }
  if (u.wantEvents) u.event('unwhiteout', branch, childPath(newParent, newName));
}

function linked(
  u: UnionState, node: Node, newParent: Node, newName: string, branch: Branch, dirfd: number, out: Stat,
): Node {
  newParent.version++;
  must(statat(dirfd, newName, out));
  fillAttributes(u, node, out);
  if (u.wantEvents) u.event('link', branch, childPath(newParent, newName), { from: node.path() });
  return node;
}
