// rename: within one branch, after bringing the source there. A directory that lower branches also show under
// its name cannot be renamed (EXDEV: mv(1) then copies), unless nothing of it is seen there, or with dirren; in a union
// given in overlayfs's words not even then.

import { E, Errno, must } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { RENAME, renameat2 } from '../posix/directory.js';
import { S, statat } from '../posix/stat.js';
import { removeAside, setAside } from './aside.js';
import type { Branch } from './branch.js';
import { copyUp, ensureDirectory, moveIn, temporaryName } from './copyup.js';
import { clearBehindWhiteout } from './create.js';
import { Probe, nodeOf, probe } from './lookup.js';
import { isEmpty } from './merged-directory.js';
import { checkName } from './name.js';
import { type Node, childPath } from './node.js';
import { adoptWhiteout } from './overlay-marks.js';
import { linkBranch, mustTakeEntries } from './policy.js';
import { materialize } from './pseudo-link.js';
import { dropName, knownNode, showsBelow, withAnchor } from './remove.js';
import { type Announced, announce, finished, undoRename } from './rename-journal.js';
import { settleLayers, takeLayers, takesLayers } from './rename-layers.js';
import { forgetRenamed } from './rename-record.js';
import { pathOn } from './renamed-directory.js';
import type { UnionState } from './state.js';
import { hasWhiteout, makeOpaque, makeWhiteout, removeWhiteout } from './whiteout.js';
import { forgetInode } from './xino.js';

const source = new Probe();
const target = new Probe();

/** RENAME2. Flags: RENAME_NOREPLACE, RENAME_EXCHANGE; others EINVAL. */
export function rename(
  u: UnionState, parent: Node, name: string, newParent: Node, newName: string, flags: number,
): void {
  if (flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) throw new Errno(E.EINVAL);
  checkName(name);
  checkName(newName);
  u.refresh(parent);
  u.refresh(newParent);
  if (!probe(u, parent, name, source)) throw new Errno(E.ENOENT);
  if (newParent.removed) throw new Errno(E.ENOENT);
  const replaced = probe(u, newParent, newName, target);
  mustTakeEntries(u, parent);
  mustTakeEntries(u, newParent);
  u.watch?.own.goes(parent, name);
  u.watch?.own.comes(newParent, newName);
  if (flags & RENAME.EXCHANGE) return exchange(u, parent, name, newParent, newName, replaced);
  if (replaced && flags & RENAME.NOREPLACE) throw new Errno(E.EEXIST);

  const moving = nodeOf(u, parent, name, source, u.scratch);
  const victim = replaced ? knownOrNew(u, newParent, newName) : undefined;
  try {
    if (victim !== moving) renameOver(u, moving, parent, name, newParent, newName, victim);
  } finally {
    // Nodes made here that the kernel does not know.
    if (victim !== undefined) u.nodes.drop(victim);
    u.nodes.drop(moving);
  }
}

function renameOver(
  u: UnionState, moving: Node, parent: Node, name: string, newParent: Node, newName: string, victim: Node | undefined,
): void {
  if (victim !== undefined) mustBeAlike(moving, victim);
  if (moving.isDirectory) u.watch?.own.moves(moving);
  // Swapped out before it is removed.
  if (victim?.isDirectory === true) u.watch?.own.goes(newParent, newName);
  // A pseudo-linked name may have been found below its file: what moves is the copy.
  const from = !moving.isDirectory && moving.top.index < source.layers[0].index ? moving.top : source.layers[0];
  const branch = linkBranch(u, newParent, from, target);
  // As AUFS: the target's directory is copied up before anything else is refused.
  ensureDirectory(u, newParent, branch);
  if (victim?.isDirectory === true && !isEmpty(u, victim)) throw new Errno(E.ENOTEMPTY);
  if (moving.isDirectory && !u.options.dirren && !leavesNothing(u, moving, branch)) throw new Errno(E.EXDEV);
  move(u, moving, parent, name, newParent, newName, branch, victim);
  parent.version++;
  newParent.version++;
  if (u.wantEvents) u.event('rename', branch, childPath(newParent, newName), { from: childPath(parent, name) });
}

function knownOrNew(u: UnionState, parent: Node, name: string): Node {
  return knownNode(u, target) ?? nodeOf(u, parent, name, target, u.scratch);
}

function mustBeAlike(moving: Node, victim: Node): void {
  if (!moving.isDirectory && victim.isDirectory) throw new Errno(E.EISDIR);
  if (moving.isDirectory && !victim.isDirectory) throw new Errno(E.ENOTDIR);
}

/** Whether nothing of the directory would be left behind on branches below `branch`. */
export function leavesNothing(u: UnionState, node: Node, branch: Branch): boolean {
  const { layers } = node;
  if (u.options.lowerDirsStay) return layers.length === 1 && layers[0] === branch;
  let first = 0;
  while (first < layers.length && (layers[first]).index <= branch.index) first++;
  return first === layers.length || isEmpty(u, node, first);
}

function move(
  u: UnionState, moving: Node, parent: Node, name: string, newParent: Node, newName: string,
  branch: Branch, victim: Node | undefined,
): void {
  ensureDirectory(u, parent, branch);
  bring(u, moving, parent, name, branch);
  const from = u.directoryOn(parent, branch);
  const to = u.directoryOn(newParent, branch);
  const hide = showsBelow(u, parent, name, branch);
  // What lies below the new name must not be merged into the directory that takes it.
  const wasOpaque = victim?.isDirectory === true && victim.top === branch && victim.limit <= branch.index;
  const covers = wasOpaque || target.whiteout !== null || showsBelow(u, newParent, newName, branch);
  if (target.whiteout === branch) adoptWhiteout(u, branch, to, newName);
  const wasWhiteout = target.whiteout === branch || (!target.passed(branch, newParent) && hasWhiteout(to, newName));
  const taken = moving.isDirectory && takesLayers(u, moving, branch) ? takeLayers(u, moving, newParent, newName, branch) : null;
  const makesOpaque = taken !== null ? taken.covers : moving.isDirectory && (covers || u.options.diropq === 'a');
  // Beside a whiteout, and so not seen: left by a crash.
  if (wasWhiteout) clearBehindWhiteout(u, branch, to, newName);
  const linksBefore = victim === undefined ? 0 : target.stat.nlink;
  const describe = (): Announced => {
    must(statat(from, name, u.scratch));
    const aside = temporaryName();
    const places = { from: pathOn(parent, branch), name, to: pathOn(newParent, branch), newName, aside };
    return { ino: u.scratch.ino, ...places, opaque: taken?.covers === true, hide };
  };
  const steps: Steps = { branch, from, name, to, newName, wasWhiteout, hide, makesOpaque, describe };
  withAnchor(u, victim, newParent, newName, () => carryOut(steps, taken !== null, victim));
  u.shownTimes.changed(parent);
  u.shownTimes.changed(newParent);
  if (u.wantEvents) {
    if (hide) u.event('whiteout', branch, childPath(parent, name));
    if (makesOpaque) u.event('opaque', branch, childPath(newParent, newName));
    if (wasWhiteout) u.event('unwhiteout', branch, childPath(newParent, newName));
  }

  if (victim !== undefined) {
    u.watch?.coverage.uncover(victim);
    if (victim.top === branch && linksBefore <= 1) forgetInode(branch, target.stat);
    if (victim.top === branch && victim.isDirectory) forgetRenamed(branch, target.stat.ino);
    dropName(u, victim, newParent, newName, linksBefore);
  }
  if (moving.isDirectory) {
    u.forgetDescriptors(moving);
    if (makesOpaque || moving.limit <= branch.index) moving.limit = branch.index;
    else moving.limit = Number.MAX_SAFE_INTEGER;
    moving.layers = branch.alone;
    moving.origins = null;
  }
  placed(moving, parent, name, newParent, newName);
  if (taken !== null) settleLayers(u, taken, moving, branch);
}

/** Makes sure that the source lies on `branch` under its own name. */
function bring(u: UnionState, moving: Node, parent: Node, name: string, branch: Branch): void {
  if (moving.isDirectory) {
    ensureDirectory(u, moving, branch);
    return;
  }
  if (moving.top === branch) return materialize(u, moving, parent, name);
  const isPlace = moving.parent === parent && moving.name === name;
  copyUp(u, moving, branch, isPlace ? {} : { as: { parent, name } });
}

function opaque(from: number, name: string, branch: Branch): void {
  const fd = must(openat(from, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0));
  try {
    makeOpaque(branch, fd);
  } finally {
    close(fd);
  }
}

/** What a rename does on its branch. */
interface Steps {
  branch: Branch;
  from: number;
  name: string;
  to: number;
  newName: string;
  /** The whiteout in the new place goes, one in the old place comes. */
  wasWhiteout: boolean;
  hide: boolean;
  makesOpaque: boolean;
  describe: () => Announced;
}

/**
 * All of it or, with an error, nothing. The whiteout comes first: most renames that fail do so for want of room, and it
 * takes some. What is seen in between is nobody's concern, since requests are served one by one; but a crash is, and so
 * is an error: a rename that is more than one step is announced.
 */
function carryOut(steps: Steps, announced: boolean, victim: Node | undefined): void {
  const { branch, from, name, to, newName, wasWhiteout, hide, makesOpaque } = steps;
  const inOneStep = !announced && !hide && !wasWhiteout;
  if (inOneStep) {
    if (makesOpaque) opaque(from, name, branch);
    const result = renameat2(from, name, to, newName, 0);
    if (result >= 0) return;
    if (!isInTheWay(result, victim)) throw new Errno(-result);
  }
  const what = steps.describe();
  announce(branch, what);
  try {
    if (hide) makeWhiteout(branch, from, name);
    if (makesOpaque) opaque(from, name, branch);
    let result = renameat2(from, name, to, newName, 0);
    if (isInTheWay(result, victim)) {
      setAside(branch, to, newName, what.aside);
      result = renameat2(from, name, to, newName, 0);
    }
    must(result);
    if (wasWhiteout) revealOrReturn(steps);
  } catch (error) {
    undoRename(branch, what, from, to);
    throw error;
  }
  removeAside(branch, to, what.aside);
  finished(branch);
}

/** A directory that shows nothing, but holds whiteouts. */
function isInTheWay(result: number, victim: Node | undefined): boolean {
  const full = result === -E.ENOTEMPTY || result === -E.EEXIST || result === -E.EISDIR || result === -E.ENOTDIR;
  return full && (victim === undefined || victim.isDirectory);
}

function revealOrReturn({ from, name, to, newName }: Steps): void {
  try {
    removeWhiteout(to, newName);
  } catch (error) {
    moveIn(to, newName, from, name);
    throw error;
  }
}

/** The node is now found by its new name. */
function placed(
  moving: Node, parent: Node, name: string, newParent: Node, newName: string,
): void {
  if (moving.parent === parent && moving.name === name) moving.setPlace(newParent, newName, false);
  else {
    moving.removeName(parent, name);
    moving.addName(newParent, newName);
  }
}

/** RENAME_EXCHANGE: where both are on one writable branch and nothing below shows either name; else EINVAL. */
function exchange(
  u: UnionState, parent: Node, name: string, newParent: Node, newName: string, replaced: boolean,
): void {
  if (!replaced) throw new Errno(E.ENOENT);
  const branch = source.layers[0];
  const single = source.layers.length === 1 && target.layers.length === 1 && target.layers[0] === branch;
  if (!single || !branch.writable) throw new Errno(E.EINVAL);
  const one = nodeOf(u, parent, name, source, u.scratch);
  const other = knownOrNew(u, newParent, newName);
  u.watch?.own.comes(parent, name);
  u.watch?.own.goes(newParent, newName);
  for (const node of [one, other]) if (node.isDirectory) u.watch?.own.moves(node);
  if (showsBelow(u, parent, name, branch) || showsBelow(u, newParent, newName, branch)) throw new Errno(E.EINVAL);
  const from = u.directoryOn(parent, branch);
  const to = u.directoryOn(newParent, branch);
  if (statat(from, name, u.scratch) < 0 || (u.scratch.mode & S.IFMT) !== one.type) throw new Errno(E.EINVAL);
  must(renameat2(from, name, to, newName, RENAME.EXCHANGE));
  for (const node of [one, other]) if (node.isDirectory) u.forgetDescriptors(node);
  placed(one, parent, name, newParent, newName);
  placed(other, newParent, newName, parent, name);
  parent.version++;
  newParent.version++;
  for (const node of [one, other]) u.nodes.drop(node);
  if (u.wantEvents) {
    const [path, otherPath] = [childPath(parent, name), childPath(newParent, newName)];
    u.event('rename', branch, otherPath, { from: path });
    u.event('rename', branch, path, { from: otherPath });
  }
}
