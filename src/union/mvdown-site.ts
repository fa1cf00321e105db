// What a move-down is about: the file, its branches, and whether AUFS allows it (aumvdown(8)). Nothing is changed here.

import { Errno } from '../posix/errno.js';
import { O, close, isOpenElsewhere } from '../posix/file.js';
import { S, Stat, statat } from '../posix/stat.js';
import { StatFs, fstatfs } from '../posix/statfs.js';
import type { Branch } from './branch.js';
import { Probe, lookup, probe } from './lookup.js';
import type { Node } from './node.js';
import { openNode, statNode } from './place.js';
import type { UnionState } from './state.js';

/** The first six are AUFS's EAU_MVDOWN_…; for the others it has plain errors. */
export type MoveDownReason =
  | 'opaque' | 'whiteout' | 'upper' | 'bottom' | 'no-upper' | 'no-lower'
  | 'missing' | 'directory' | 'in-use' | 'linked' | 'exists' | 'read-only' | 'no-room' | 'attributes' | 'failed';

/** A file that stays where it is. The message: why, and what to do. */
export class NotMoved extends Error {
  override readonly name = 'NotMoved';

  constructor(readonly reason: MoveDownReason, message: string) {
    super(message);
  }
}

/** What is to be moved where; plain data. */
export interface MoveDownWish {
  /** From the root of the union: bytes as a latin1 string. */
  path: string;
  /** A branch by its path, its id, or its position counted from 0. */
  upper?: string | number;
  lower?: string | number;
  /** The file on the upper branch stays, and goes on being the one that is seen. */
  keepUpper?: boolean;
  /** What the lower branch has of that name is replaced. */
  overwrite?: boolean;
  /** Branches that take no writes in the union may be changed all the same. */
  readonlyUpper?: boolean;
  readonlyLower?: boolean;
}

export interface Site {
  parent: Node;
  name: string;
  node: Node;
  upper: Branch;
  lower: Branch;
  /** Of the file on the upper branch. */
  stat: Stat;
  /** The lower branch has something of that name, which is replaced. */
  overwrites: boolean;
  /** The lower branch has a whiteout of it that counts. */
  whiteout: boolean;
}

/** A move that has begun: the descriptor that it reads the file from, -1 if none; whether its copy is in its place already. */
export interface Begun {
  from: number;
  placed: boolean;
}

const NOT_BEGUN: Begun = { from: -1, placed: false };

/** Finds it and checks all that AUFS checks. Throws NotMoved or Errno. `leave` when the site is done with. */
export function findSite(u: UnionState, wish: MoveDownWish, { from, placed } = NOT_BEGUN): Site {
  const { parent, name, node } = follow(u, wish.path);
  try {
    const upper = upperOf(u, node, wish);
    const lower = lowerOf(u, upper, wish);
    const stat = new Stat();
    statNode(u, node, stat);
    mustBeIdle(u, node, stat, from);
    mustBeSeenBelow(u, parent, lower);
    return { parent, name, node, upper, lower, stat, ...between(u, parent, name, upper, lower, placed || wish.overwrite === true) };
  } catch (error) {
    u.nodes.drop(node);
    throw error;
  }
}

export function leave(u: UnionState, { node }: Site): void {
  u.nodes.drop(node);
}

const st = new Stat();

function follow(u: UnionState, path: string): { parent: Node; name: string; node: Node } {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let parent = u.root;
  for (const [i, name] of names.entries()) {
    const node = lookup(u, parent, name, st);
    if (node === null) {
      u.nodes.drop(parent);
      throw new NotMoved('missing', 'there is no such file in the union');
    }
    if (i === names.length - 1 && !node.isDirectory) return { parent, name, node };
    if (i < names.length - 1 && !node.isDirectory) {
      u.nodes.drop(node);
      throw new NotMoved('missing', 'a part of the path is not a directory');
    }
    parent = node;
  }
  u.nodes.drop(parent);
  throw new NotMoved('directory', 'is a directory, which is not moved; name the files in it, or see tsaufs sync');
}

// --- the branches -----------------------------------------------------------------------------------

/** By path, by id, or by position. */
export function branchBy(u: UnionState, which: string | number): Branch | undefined {
  if (typeof which === 'string') return u.branches.find(({ path }) => path === which);
  return u.branches.find(({ id }) => id === which) ?? u.branches[which];
}

function upperOf(u: UnionState, node: Node, { upper: which, readonlyUpper }: MoveDownWish): Branch {
  const { top } = node;
  if (u.options.readonly) throw new NotMoved('read-only', 'the union is mounted read-only; see tsaufs remount -o rw');
  if (which !== undefined && branchBy(u, which) !== top) {
    throw new NotMoved('no-upper', `No upper exists: it is seen on ${top.path}, and not on ${describe(u, which)}`);
  }
  if (top.index === u.branches.length - 1) throw new NotMoved('bottom', `No writable lower: ${top.path} is the lowest branch`);
  if (!top.writable && readonlyUpper !== true) {
    throw new NotMoved('read-only', `it lies on ${top.path}, which the union does not write to; allow that with --allow-ro-upper`);
  }
  if (isReadonlyFileSystem(top)) throw new NotMoved('read-only', `it lies on ${top.path}, a read-only file system`);
  return top;
}

function describe(u: UnionState, which: string | number): string {
  return branchBy(u, which)?.path ?? `${which}, which is no branch of the union`;
}

function lowerOf(u: UnionState, upper: Branch, { lower: which, readonlyLower = false }: MoveDownWish): Branch {
  if (which === undefined) {
    const next = u.branches.find((branch) => branch.index > upper.index && (branch.writable || readonlyLower) && !isReadonlyFileSystem(branch));
    if (next !== undefined) return next;
    throw new NotMoved('bottom', `No writable lower: no branch below ${upper.path} takes writes`
      + (readonlyLower ? '' : '; make one writable (tsaufs remount -o mod:BRANCH=rw), or allow others with --allow-ro-lower'));
  }
  const lower = branchBy(u, which);
  if (lower === undefined) throw new NotMoved('no-lower', `No such lower branch: ${which}; see tsaufs list`);
  if (lower.index <= upper.index) throw new NotMoved('no-lower', `No such lower branch: ${lower.path} is not below ${upper.path}, where the file is`);
  if (!lower.writable && !readonlyLower) {
    throw new NotMoved('read-only', `the union does not write to ${lower.path}; allow that with --allow-ro-lower`);
  }
  if (isReadonlyFileSystem(lower)) throw new NotMoved('read-only', `${lower.path} is a read-only file system`);
  return lower;
}

const ST_RDONLY = 1;
const space = new StatFs();

function isReadonlyFileSystem(branch: Branch): boolean {
  return branch.spec.perm === 'rr' || (fstatfs(branch.root, space) >= 0 && (space.flags & ST_RDONLY) !== 0);
}

/** Throws NotMoved where the lower branch has no room for a copy; `shared`: one whose data take none. */
export function mustHaveRoom(u: UnionState, { lower, stat }: Site, shared = false): void {
  if (fstatfs(lower.root, space) < 0) return;
  const { blocks, bfree, bavail, bsize, frsize, files, ffree } = space;
  const need = shared ? 0 : stat.blocks * 512;
  const free = (u.uid === 0 ? bfree : bavail) * (frsize === 0 ? bsize : frsize);
  // Without blocks, or files, it has no limit of its own.
  if (blocks > 0 && need > free) throw new NotMoved('no-room', `${lower.path} has no room: it has ${free} bytes left, and the file takes ${need}`);
  if (files > 0 && ffree === 0) throw new NotMoved('no-room', `${lower.path} has no room: it can hold no more files`);
}

// --- whether it may be moved --------------------------------------------------------------------------

function mustBeIdle(u: UnionState, node: Node, { nlink }: Stat, from: number): void {
  if (nlink > 1 || node.links !== null || u.plinks.has(node.ino)) {
    throw new NotMoved('linked', 'has more than one name (hard links), which would come apart; see tsaufs plink flush, or tsaufs sync');
  }
  if (node.handles > 0 || u.copies.has(node) || u.leftBehind.has(node)) throw new NotMoved('in-use', 'is open; tsaufs busy tells by whom');
  if (node.type !== S.IFREG) return;
  const fd = from >= 0 ? from : openNode(u, node, O.RDONLY);
  if (fd < 0) throw new Errno(-fd);
  const inUse = isOpenElsewhere(fd);
  if (fd !== from) close(fd);
  if (inUse) throw new NotMoved('in-use', `is open on ${node.top.path} itself; lsof(8) tells by whom`);
}

/** Below an opaque mark, or a whiteout of a directory above it, the file would not be seen any more. */
function mustBeSeenBelow(u: UnionState, parent: Node, lower: Branch): void {
  for (let above: Node | null = parent; above !== null; above = above.parent) {
    if (above.limit < lower.index) {
      throw new NotMoved('opaque', `Opaque ancestor: ${above.path()} hides what ${lower.path} has below it; choose a branch above with --lower-branch-id, or remove the mark`);
    }
  }
  // Where a parent is to be made there must be room for its name.
  for (let child = parent; child.parent !== null; child = child.parent) {
    const layer = child.parent.layerOf(lower);
    if (layer < 0 || child.layerOf(lower) >= 0) continue;
    if (statat(u.directory(child.parent, layer), child.name, st) >= 0 && (st.mode & S.IFMT) !== S.IFDIR) {
      throw new NotMoved('exists', `${lower.path} has something else in the place of the directory ${child.path()}; remove it there`);
    }
  }
}

const found = new Probe();

/** What the branches down to the lower one have of the name. */
function between(
  u: UnionState, parent: Node, name: string, upper: Branch, lower: Branch, replaces: boolean,
): Pick<Site, 'overwrites' | 'whiteout'> {
  const from = parent.layerOf(upper) + 1;
  const there = probe(u, parent, name, found, from) ? found.layers[0] : null;
  const { whiteout } = found;
  if (there === null && whiteout !== null && whiteout.index < lower.index) {
    throw new NotMoved('whiteout', `Whiteout-ed by ancestor: ${whiteout.path} has a whiteout of it, which would hide it on ${lower.path}; remove the whiteout, or choose a branch above`);
  }
  if (there !== null && there.index < lower.index) {
    throw new NotMoved('upper', `Upper exists: ${there.path} has the name, too, and would hide it on ${lower.path}; choose a branch above with --lower-branch-id`);
  }
  const overwrites = there === lower;
  if (overwrites && !replaces) throw new NotMoved('exists', `${lower.path} has the name, too; replace it with --overwrite-lower`);
  if (overwrites && found.type === S.IFDIR) throw new NotMoved('exists', `${lower.path} has a directory of that name, which is not replaced`);
  return { overwrites, whiteout: there === null && whiteout === lower };
}
