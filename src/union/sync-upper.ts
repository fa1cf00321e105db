// A mounted union and `tsaufs sync`: it takes no changes while a branch of it is copied, and goes on showing the same when
// what was copied is taken away.

import { O } from '../posix/file.js';
import type { Stat } from '../posix/stat.js';
import { type Branch, UnionError } from './branch.js';
import { settle } from './branch-changes.js';
import { type Drop, dropOne } from './drop-upper.js';
import { changeOptions } from './option-changes.js';
import { someOf } from './passed-files.js';
import type { UnionState } from './state.js';
import { forgetInode, keepInodeForGood, unionInode } from './xino.js';

/**
 * Pseudo-links are made real. Returns whether it is to `goOn`: not where the union is read-only anyway. Throws UnionError where
 * somebody has files open for writing.
 */
export function holdStill(u: UnionState): boolean {
  if (u.options.readonly) return false;
  const paths = new Set<string>();
  for (const { flags, node } of u.files.all()) if ((flags & O.ACCMODE) !== O.RDONLY) paths.add(node.path());
  if (paths.size > 0) throw new UnionError(`files are open for writing: ${someOf(paths)}; close them (tsaufs busy tells who has them), or copy with --live`);
  changeOptions(u, { readonly: true });
  settle(u);
  return true;
}

export function goOn(u: UnionState): void {
  changeOptions(u, { readonly: false });
  settle(u);
}

export interface DropRequest {
  /** Branches by their paths. */
  upper: string;
  lower: string;
  drops: readonly Drop[];
}

/** Returns why each stays, or null. */
export function dropUpper(u: UnionState, request: DropRequest): (string | null)[] {
  const upper = branchAt(u, request.upper);
  const lower = branchAt(u, request.lower);
  try {
    return request.drops.map((drop) => dropOne(upper.root, lower.root, drop, {
      file: (above) => inUse(u, upper, above),
      fileGone: (above, below) => fileGone(u, upper, lower, above, below),
      directory: (above) => directoryInUse(u, upper, above),
      directoryGone: (above, below) => directoryGone(u, upper, lower, above, below),
    }));
  } finally {
    settle(u);
  }
}

function branchAt(u: UnionState, path: string): Branch {
  const branch = u.branches.find((each) => each.path === path);
  if (branch === undefined) throw new UnionError(`${path} is no branch of this union; see tsaufs list`);
  return branch;
}

/** A file that the kernel reads on the branch itself cannot be turned to another. */
function inUse(u: UnionState, upper: Branch, above: Stat): string | null {
  const node = u.nodes.find(unionInode(upper, above));
  return node !== undefined && u.leftBehind.has(node) ? 'is open' : null;
}

function fileGone(u: UnionState, upper: Branch, lower: Branch, above: Stat, below: Stat): void {
  const ino = unionInode(upper, above);
  const node = u.nodes.find(ino);
  forgetInode(upper, above);
  if (node === undefined || node.isDirectory || node.top !== upper) return;
  keepInodeForGood(lower, below, ino);
  // Who has it open goes over to the copy with his next read.
  node.layers = lower.alone;
  u.hooks.stale?.({ kind: 'inode', node: node.id, offset: -1, length: 0 });
}

function directoryInUse(u: UnionState, upper: Branch, above: Stat): string | null {
  const ino = unionInode(upper, above);
  for (const { node } of u.directories.all()) if (node.ino === ino) return 'is open';
  return null;
}

function directoryGone(u: UnionState, upper: Branch, lower: Branch, above: Stat, below: Stat): void {
  const ino = unionInode(upper, above);
  const node = u.nodes.find(ino);
  forgetInode(upper, above);
  if (node?.isDirectory !== true) return;
  keepInodeForGood(lower, below, ino);
  u.forgetDescriptors(node);
  const left = node.layers.filter((branch) => branch !== upper);
  node.layers = left.length > 0 ? left : lower.alone;
  node.version++;
}
