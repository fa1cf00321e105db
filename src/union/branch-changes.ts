// Branches that come, go and change while the union is mounted (aufs(5), "add", "del", "mod").
//
// A change raises the union's epoch. Nodes found in an older one are looked up again: directories at once, since
// their layers decide what is seen; files keep the place they have as long as its branch stays, so that what is
// open goes on.

import { AT } from '../posix/directory.js';
import { Errno } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { beginWriting } from './begin-writing.js';
import { type Branch, type BranchOpener, UnionError, overlapError, permissionText } from './branch.js';
import { giveUpCopies } from './copy-ahead.js';
import type { FileHandle } from './file-handle.js';
import { Probe, probe } from './lookup.js';
import type { Node } from './node.js';
import type { BranchSpec } from './options.js';
import { mayEndWriting, setWritable, someOf } from './passed-files.js';
import { flushPseudoLinks } from './pseudo-link-flush.js';
import { flushRenamed } from './rename-record.js';
import { openRenamed } from './renamed-directory.js';
import type { UnionState } from './state.js';
import { releaseBranch, unprepareBranch } from './whiteout.js';
import { keepInode } from './xino.js';

/** One change; an `index` past the end means after the last branch. Paths are absolute and resolved. */
export type BranchChange =
  | { kind: 'add'; index: number; branch: BranchSpec }
  | { kind: 'del'; path: string }
  | { kind: 'mod'; path: string; mode: Omit<BranchSpec, 'path'> };

/** AUFS's limit is a matter of its configuration; ours keeps a mistake from eating all descriptors. */
const MOST_BRANCHES = 32_767;

/** Carries out one change, whole or not at all. Throws UnionError with what stands in the way. */
export function changeBranches(u: UnionState, opener: BranchOpener, change: BranchChange): void {
  switch (change.kind) {
    case 'add':
      addBranch(u, opener, change.branch, change.index);
      break;
    case 'del':
      deleteBranch(u, findBranch(u, change.path));
      break;
    case 'mod':
      modifyBranch(u, findBranch(u, change.path), change.mode);
      break;
  }
}

function findBranch(u: UnionState, path: string): Branch {
  const branch = u.branches.find((b) => b.path === path);
  if (branch === undefined) throw new UnionError(`${path} is no branch of this union; see tsaufs list`);
  return branch;
}

function addBranch(u: UnionState, opener: BranchOpener, spec: BranchSpec, index: number): void {
  const overlap = overlapError(u.branches.map((b) => b.path), spec.path);
  if (overlap !== null) throw new UnionError(overlap);
  if (u.branches.length >= MOST_BRANCHES) throw new UnionError(`a union has at most ${String(MOST_BRANCHES)} branches`);
  const at = Number.isFinite(index) ? index : u.branches.length;
  if (at > u.branches.length) {
    throw new UnionError(`there is no place ${String(at)}: the union has ${String(u.branches.length)} branches, counted from 0`);
  }
  const branch = opener.open(spec, at, u.options.readonly);
  try {
    if (branch.writable) beginWriting(branch, u.options.plink);
    openRenamed(u, branch);
  } catch (error) {
    releaseBranch(branch);
    close(branch.root);
    throw error;
  }
  u.warnOf(branch);
  u.branches.splice(at, 0, branch);
  settle(u);
}

function deleteBranch(u: UnionState, branch: Branch): void {
  if (u.branches.length === 1) throw new UnionError(`${branch.path} is the last branch; unmount instead`);
  if (branch.opens > 0) throw busy(u, branch);
  giveUpCopies(u, branch);
  flushPseudoLinks(u, branch);
  u.branches.splice(branch.index, 1);
  settle(u);
  flushRenamed(branch);
  releaseBranch(branch);
  close(branch.root);
}

/** Who has a file open for writing goes on: with the next write it is copied up, as a lower one would be. */
function modifyBranch(u: UnionState, branch: Branch, mode: Omit<BranchSpec, 'path'>): void {
  const before = branch.spec;
  const wasWritable = branch.writable;
  const willBeWritable = mode.perm === 'rw' && !u.options.readonly;
  const spec = { path: branch.path, ...mode };
  if (wasWritable && !willBeWritable) mayEndWriting(u, branch);
  giveUpCopies(u, branch);
  // While it still takes links.
  if (wasWritable && !willBeWritable) flushPseudoLinks(u, branch);
  branch.spec = spec;
  try {
    if (willBeWritable && !wasWritable) beginWriting(branch, u.options.plink);
  } catch (error) {
    branch.spec = before;
    releaseBranch(branch);
    throw error;
  }
  if (!willBeWritable) flushRenamed(branch);
  setWritable(u, branch, willBeWritable);
  branch.whiteouts = branch.countsWhiteouts();
  if (wasWritable && spec.perm !== 'rw') unprepareBranch(branch);
  u.hooks.log('info', `branch ${branch.path} is ${permissionText(spec)} now`);
  settle(u);
}

/** EBUSY, with the names of what is open there (at most five). */
function busy(u: UnionState, branch: Branch): UnionError {
  const paths = new Set<string>();
  for (const handle of u.files.all()) if (handle.branch === branch) paths.add(handle.node.path());
  for (const handle of u.directories.all()) if (handle.layers.includes(branch)) paths.add(handle.node.path());
  return new UnionError(`branch ${branch.path} is busy: ${someOf(paths)} in use`);
}

/** After a change: positions, the root's layers, every known directory's layers, the kernel's caches. */
export function settle(u: UnionState): void {
  u.epoch++;
  for (const [index, branch] of u.branches.entries()) branch.index = index;
  u.policy.mfsBranch = null;
  u.plinks.branchesChanged();
  u.watch?.coverage.uncoverAll();
  for (const node of u.nodes.all()) {
    if (!node.isDirectory) continue;
    refresh(u, node);
    u.hooks.attributesChanged?.(node.id, true);
  }
  for (const handle of u.files.all()) detachHidden(u, handle);
  u.hooks.branchesChanged?.();
}

/**
 * An open file whose name now shows another, or nothing, goes on like one that was unlinked: a write must not copy it
 * up over what hides it. A later lookup may find it under its name again.
 */
function detachHidden(u: UnionState, handle: FileHandle): void {
  const { node } = handle;
  if (node.anchor >= 0 || handle.branch !== node.top || !isHidden(u, node)) return;
  const anchor = openat(AT.FDCWD, `/proc/self/fd/${String(handle.fd)}`, O.PATH, 0);
  if (anchor < 0) return;
  node.anchor = anchor;
  node.removed = true;
}

function isHidden(u: UnionState, node: Node): boolean {
  const { parent, links } = node;
  if (node.removed) return true;
  if (parent === null || parent.id === 0 || links !== null) return false;
  try {
    return parent.removed || !probe(u, parent, node.name, found) || found.layers[0] !== node.top;
  } catch (error) {
    // Its directory was taken away directly on the branch.
    if (error instanceof Errno) return true;
    throw error;
  }
}

const found = new Probe();

/** Looks a node of an older epoch up again. */
export function refresh(u: UnionState, node: Node): void {
  if (node.epoch === u.epoch) return;
  const { parent } = node;
  if (parent === null) refreshRoot(u, node);
  else if (!node.removed && parent.id !== 0) {
    refresh(u, parent);
    if (node.isDirectory) refreshDirectory(u, node, parent);
    else refreshFile(u, node, parent);
  }
  node.epoch = u.epoch;
}

function refreshRoot(u: UnionState, root: Node): void {
  if (root !== u.root) return;
  u.forgetDescriptors(root);
  root.layers = [...u.branches];
}

function refreshDirectory(u: UnionState, node: Node, parent: Node): void {
  u.forgetDescriptors(node);
  if (parent.removed || !probe(u, parent, node.name, found) || found.type !== node.type) {
    // Hidden or gone with its branch: who is inside finds nothing there.
    node.removed = true;
    u.nodes.disown(node);
    return;
  }
  // The same directory to the user, though another branch may be its top now.
  keepInode(found.layers[0], found.stat, node.ino);
  node.layers = found.layers;
  node.origins = found.origins;
  node.limit = found.limit;
  node.restricted = found.restricted;
}

function refreshFile(u: UnionState, node: Node, parent: Node): void {
  if (u.branches.includes(node.top) && parent.layerOf(node.top) >= 0) return;
  node.removed = true;
  u.nodes.disown(node);
}
