// unlink and rmdir: a whiteout is made where a lower branch would show the name again, then what lies on the
// branch is removed. The whiteout comes first: from then on the name is gone for every reader, and stays so
// after a crash.

import { E, Errno, must } from '../posix/errno.js';
import { O, openat } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { unlinkat } from '../posix/directory.js';
import { S } from '../posix/stat.js';
import { removeAside, setAside } from './aside.js';
import type { Branch } from './branch.js';
import { ensureDirectory, temporaryName } from './copyup.js';
import { mayRemoveContents } from './hidden.js';
import { Probe, probeTop } from './lookup.js';
import { isEmpty } from './merged-directory.js';
import { WHITEOUT_PREFIX, checkName } from './name.js';
import { type Node, childPath } from './node.js';
import { copyUpBranch, mustTakeEntries } from './policy.js';
import { forgetRenamed } from './rename-record.js';
import type { UnionState } from './state.js';
import { makeWhiteout } from './whiteout.js';
import { forgetInode, unionInode } from './xino.js';

const target = new Probe();
const lower = new Probe();

/** The known node of what a probe found, if the kernel knows it. */
export function knownNode(u: UnionState, what: Probe): Node | undefined {
  const node = u.nodes.find(unionInode(what.layers[0], what.stat));
  return node?.type === what.type ? node : undefined;
}

/** Whether a name would come up again from below `branch` once it is gone there. */
export function showsBelow(u: UnionState, parent: Node, name: string, branch: Branch): boolean {
  // What a renamed directory's records lead to is seen below an opaque mark, too.
  if (parent.lowestSeen <= branch.index && !u.options.dirren) return false;
  const { layers } = parent;
  for (let i = 0; i < layers.length; i++) {
    if (layers[i].index > branch.index) return probeTop(u, parent, name, lower, i);
  }
  return false;
}

/** UNLINK. */
export function unlink(u: UnionState, parent: Node, name: string): void {
  find(u, parent, name);
  if (target.type === S.IFDIR) throw new Errno(E.EISDIR);
  const source = target.layers[0];
  const node = knownNode(u, target);
  const { nlink } = target.stat;
  const branch = copyUpBranch(u, parent, source);
  const hide = branch !== source || showsBelow(u, parent, name, branch);
  ensureDirectory(u, parent, branch);
  const dirfd = u.directoryOn(parent, branch);
  withAnchor(u, node, parent, name, () => {
    if (hide) makeWhiteout(branch, dirfd, name);
    if (branch !== source) return;
    hiddenBefore(hide, dirfd, name, () => must(unlinkat(dirfd, name, 0)));
    if (nlink <= 1) forgetInode(branch, target.stat);
  });
  if (node !== undefined) dropName(u, node, parent, name, nlink);
  // The kernel has forgotten the file; its other names show how many there are.
  else u.plinks.count(unionInode(source, target.stat), -1);
  parent.version++;
  u.shownTimes.changed(parent);
  if (u.wantEvents) tell(u, 'unlink', branch, parent, name, hide);
}

/** RMDIR of a directory that shows nothing, however many whiteouts it holds. */
export function rmdir(u: UnionState, parent: Node, name: string): void {
  find(u, parent, name);
  if (target.type !== S.IFDIR) throw new Errno(E.ENOTDIR);
  const source = target.layers[0];
  const node = knownNode(u, target);
  if (node === undefined) throw new Errno(E.ESTALE);
  const { layers } = node;
  // On one layer, which takes the removal: the branch refuses it where there is anything at all.
  const emptyIfRemoved = layers.length === 1 && layers[0] === source && source.writable;
  if (!emptyIfRemoved) mustBeEmpty(u, node);
  const branch = copyUpBranch(u, parent, source);
  const hide = branch !== source || showsBelow(u, parent, name, branch);
  if (emptyIfRemoved && hide) mustBeEmpty(u, node);
  ensureDirectory(u, parent, branch);
  const dirfd = u.directoryOn(parent, branch);
  withAnchor(u, node, parent, name, () => {
    if (hide) makeWhiteout(branch, dirfd, name);
    if (branch !== source) return;
    hiddenBefore(hide, dirfd, name, () => removeDirectory(u, node, branch, dirfd, name));
    forgetRenamed(branch, target.stat.ino);
    forgetInode(branch, target.stat);
  });
  u.watch?.coverage.uncover(node);
  dropName(u, node, parent, name, 1);
  parent.version++;
  u.shownTimes.changed(parent);
  if (u.wantEvents) tell(u, 'rmdir', branch, parent, name, hide);
}

/** Removes what a whiteout hides already, if `hide`; it shows again if that fails. */
function hiddenBefore(hide: boolean, dirfd: number, name: string, removes: () => void): void {
  try {
    removes();
  } catch (error) {
    if (hide) unlinkat(dirfd, WHITEOUT_PREFIX + name, 0);
    throw error;
  }
}

function mustBeEmpty(u: UnionState, node: Node): void {
  if (!isEmpty(u, node)) throw new Errno(E.ENOTEMPTY);
}

/** Removes a directory that holds nothing but whiteouts: out of sight first, at once, then piece by piece. */
function removeDirectory(u: UnionState, node: Node, branch: Branch, dirfd: number, name: string): void {
  const removed = unlinkat(dirfd, name, AT.REMOVEDIR);
  if (removed >= 0) return;
  if (removed !== -E.ENOTEMPTY && removed !== -E.EEXIST) throw new Errno(-removed);
  mustBeEmpty(u, node);
  mayRemoveContents(u, dirfd, name);
  const aside = temporaryName();
  setAside(branch, dirfd, name, aside);
  removeAside(branch, dirfd, aside);
}

function find(u: UnionState, parent: Node, name: string): void {
  checkName(name);
  u.refresh(parent);
  if (parent.removed || !probeTop(u, parent, name, target)) throw new Errno(E.ENOENT);
  mustTakeEntries(u, parent);
  u.watch?.own.goes(parent, name);
}

function tell(u: UnionState, kind: 'unlink' | 'rmdir', branch: Branch, parent: Node, name: string, hide: boolean): void {
  const path = childPath(parent, name);
  if (hide) u.event('whiteout', branch, path);
  u.event(kind, branch, path);
}

/**
 * A node about to lose its last known name gets a descriptor: nothing finds it by path afterwards, but its
 * handles, and whoever holds an O_PATH descriptor or a working directory, go on.
 */
export function withAnchor(u: UnionState, node: Node | undefined, parent: Node, name: string, work: () => void): void {
  const had = node === undefined || node.anchor >= 0;
  if (node !== undefined) keepReachable(u, node, parent, name);
  try {
    work();
  } catch (error) {
    if (!had) node.closeAnchor();
    throw error;
  }
}

function keepReachable(u: UnionState, node: Node, parent: Node, name: string): void {
  if (node.anchor >= 0 || node.removed || node.links !== null) return;
  if (node.parent !== parent || node.name !== name) return;
  node.anchor = node.isDirectory ? u.takeDirectory(node, 0) : must(openat(u.directoryOn(parent, node.top), name, O.PATH | O.NOFOLLOW, 0));
}

/** Takes the name from the node; `nlink` is the link count before. */
export function dropName(u: UnionState, node: Node, parent: Node, name: string, nlink: number): void {
  u.plinks.count(node.ino, -1);
  // A pseudo-linked file's other names may exist on lower branches only: its link in .wh..wh.plnk leads to it.
  const isPlace = node.parent === parent && node.name === name;
  if ((isPlace && u.plinks.settle(node)) || node.removeName(parent, name)) {
    node.closeAnchor();
    return;
  }
  node.removed = true;
  u.shownTimes.forget(node);
  u.forgetDescriptors(node);
  // Other names that we have not met lead to the same inode: then lookup must find this node again.
  if (node.isDirectory || nlink <= 1) u.nodes.disown(node);
}
