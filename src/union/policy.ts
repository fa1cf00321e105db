// Which writable branch takes a new name or a copy-up (aufs(5), "Policies to Select One among Multiple
// Writable Branches"). Branches are spoken of by position, 0 on top.

import { E, Errno } from '../posix/errno.js';
import { StatFs, fstatfs } from '../posix/statfs.js';
import type { Branch } from './branch.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';

/** What the mfs and rr policies remember between two creations. */
export class PolicyMemory {
  /** create=rr counts down from here; AUFS's counter is an unsigned 32-bit number. */
  next = 0;
  /** create=mfs keeps its choice until this moment (milliseconds). */
  mfsUntil = 0;
  mfsBranch: Branch | null = null;
}

/**
 * The branch for a new name in `parent`. `whiteout` is the branch whose whiteout of that name ended the
 * lookup, if one did: what is created must come above or in its stead.
 * Throws EROFS where no branch can take it.
 */
export function createBranch(u: UnionState, parent: Node, whiteout: Branch | null, isDirectory: boolean): Branch {
  switch (u.options.create.name) {
    case 'tdp':
      return visible(u, topDownParent(u, parent, parent.top), parent, whiteout);
    case 'rr':
      return visible(u, roundRobin(u, isDirectory), parent, whiteout);
    case 'mfs':
      return visible(u, mostFreeSpace(u), parent, whiteout);
    case 'mfsrr':
      return visible(u, mostFreeSpaceRoundRobin(u, u.options.create.low, isDirectory), parent, whiteout);
    case 'pmfs':
      return visible(u, parentMostFreeSpace(u, parent), parent, whiteout);
    case 'pmfsrr':
      return visible(u, parentMostFreeSpaceRoundRobin(u, parent, u.options.create.low), parent, whiteout);
    case 'tdmfs':
      return visible(u, topDownMostFreeSpace(u, u.options.create.low), parent, whiteout);
  }
}

/** The branch that a change of something seen on `source` goes to: `source` itself if it is writable. */
export function copyUpBranch(u: UnionState, parent: Node | null, source: Branch): Branch {
  if (source.writable) return source;
  if (parent === null) return nearestAbove(u, source.index - 1);
  switch (u.options.copyup) {
    case 'tdp':
      return visible(u, topDownParent(u, parent, source), parent, null);
    case 'bup': {
      for (let i = parent.layers.length - 1; i >= 0; i--) {
        const branch = parent.layers[i];
        if (branch.index < source.index && branch.writable) return branch;
      }
      return visible(u, nearestAbove(u, parent.top.index - 1), parent, null);
    }
    case 'bu':
      return visible(u, nearestAbove(u, source.index - 1), parent, null);
  }
}

/** What lookup told of the name that link or rename makes. */
interface NewName {
  type: number;
  layers: readonly Branch[];
  whiteout: Branch | null;
}

/**
 * link and rename keep to the branch where the source is, or the target if that is higher (aufs(5), "Exceptions for
 * Policies"); unless it takes no writes, or an opaque mark or a whiteout above would hide what is put there: then
 * the copy-up policy decides for the new name.
 */
export function linkBranch(u: UnionState, newParent: Node, source: Branch, name: NewName): Branch {
  const there = name.type === 0 ? null : (name.layers[0] ?? null);
  const wanted = there !== null && there.index < source.index ? there : source;
  const hidden = newParent.lowestSeen < wanted.index || (name.whiteout !== null && name.whiteout.index < wanted.index);
  if (wanted.writable && !hidden) return wanted;
  const top = there ?? newParent.top;
  const higher = source.index < top.index ? source : top;
  return higher.writable ? higher : copyUpBranch(u, newParent, top);
}

/** The writable branch nearest above position `index`, itself included. */
export function nearestAbove(u: UnionState, index: number): Branch {
  for (let i = Math.min(index, u.branches.length - 1); i >= 0; i--) {
    const branch = u.branches[i];
    if (branch.writable) return branch;
  }
  throw new Errno(E.EROFS);
}

/**
 * The permission to change a directory's entries: EROFS unless a branch takes writes at or above the highest one the
 * directory lies on (AUFS asks this before everything else that may be wrong).
 */
export function mustTakeEntries(u: UnionState, parent: Node): void {
  nearestAbove(u, parent.top.index);
}

/** tdp: `from` if writable, else the highest writable branch above it that has the parent, else the nearest above. */
function topDownParent(u: UnionState, parent: Node, from: Branch): Branch {
  if (from.writable) return from;
  for (const branch of parent.layers) {
    if (branch.index >= from.index) break;
    if (branch.writable) return branch;
  }
  return nearestAbove(u, from.index - 1);
}

function roundRobin(u: UnionState, isDirectory: boolean): Branch {
  const count = u.branches.length;
  const memory = u.policy;
  for (let tried = 0; tried < count; tried++) {
    // A directory looks at the counter without moving it: ten mkdirs land on one branch.
    const at = isDirectory ? memory.next - 1 - tried : --memory.next;
    const branch = u.branches[(at >>> 0) % count];
    if (branch.writable) return branch;
  }
  throw new Errno(E.EROFS);
}

const space = new StatFs();

function freeBytes(branch: Branch): number {
  const result = fstatfs(branch.root, space);
  if (result < 0) throw new Errno(-result);
  return space.bavail * space.bsize;
}

function freest(candidates: readonly Branch[]): Branch | null {
  let best: Branch | null = null;
  let most = -1;
  for (const branch of candidates) {
    if (!branch.writable) continue;
    const free = freeBytes(branch);
    if (free > most) {
      most = free;
      best = branch;
    }
  }
  return best;
}

function mostFreeSpace(u: UnionState): Branch {
  const { create } = u.options;
  const seconds = 'seconds' in create ? create.seconds : 0;
  const memory = u.policy;
  const now = Date.now();
  if (memory.mfsBranch?.writable === true && now < memory.mfsUntil) return memory.mfsBranch;
  const best = freest(u.branches);
  if (best === null) throw new Errno(E.EROFS);
  memory.mfsBranch = best;
  memory.mfsUntil = now + seconds * 1000;
  return best;
}

function mostFreeSpaceRoundRobin(u: UnionState, low: number, isDirectory: boolean): Branch {
  const best = mostFreeSpace(u);
  return freeBytes(best) >= low ? best : roundRobin(u, isDirectory);
}

function parentMostFreeSpace(u: UnionState, parent: Node): Branch {
  return freest(parent.layers) ?? topDownParent(u, parent, parent.top);
}

function parentMostFreeSpaceRoundRobin(u: UnionState, parent: Node, low: number): Branch {
  const best = parentMostFreeSpace(u, parent);
  return freeBytes(best) >= low ? best : mostFreeSpace(u);
}

function topDownMostFreeSpace(u: UnionState, low: number): Branch {
  for (const branch of u.branches) if (branch.writable && freeBytes(branch) >= low) return branch;
  return mostFreeSpace(u);
}

/**
 * The exceptions of aufs(5): what lies below an opaque mark or a whiteout would not be seen, so the choice
 * goes up to the branch that has the mark, or to the nearest writable one above it.
 */
function visible(u: UnionState, chosen: Branch, parent: Node, whiteout: Branch | null): Branch {
  let limit = Math.min(chosen.index, parent.lowestSeen);
  if (whiteout !== null) limit = Math.min(limit, whiteout.index);
  return limit === chosen.index ? chosen : nearestAbove(u, limit);
}
