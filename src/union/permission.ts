// The permission of a directory on all its branches (aufs(5), dirperm1). By default AUFS asks every branch that
// has the directory whether the caller may search or read it; with dirperm1 the topmost decides alone. The kernel
// checks the topmost, whose attributes it has; what lower branches say is checked here.

import { readFileSync } from 'node:fs';
import { E, Errno, must } from '../posix/errno.js';
import { Stat, fstat } from '../posix/stat.js';
import type { Node } from './node.js';
import type { Caller, UnionState } from './state.js';

export const MAY_READ = 4;
export const MAY_SEARCH = 1;

/** Whether somebody may be denied by `lower` what `top` allows: then the kernel must not answer from its cache. */
export function isStricter(top: Stat, lower: Stat): boolean {
  if (top.uid !== lower.uid || top.gid !== lower.gid) return (lower.mode & 0o555) !== 0o555;
  return (top.mode & ~lower.mode & 0o555) !== 0;
}

const st = new Stat();
const topStat = new Stat();

/** Finds out again, after its attributes changed, whether a merged directory is restricted by a lower branch. */
export function reconsider(u: UnionState, node: Node): void {
  const before = node.restricted;
  // Until we know: nobody is let in unasked, and layers may be opened.
  node.restricted = true;
  must(fstat(u.directory(node, 0), topStat));
  let restricted = false;
  for (let i = 1; i < node.layers.length && !restricted; i++) {
    must(fstat(u.directory(node, i), st));
    restricted = isStricter(topStat, st);
  }
  node.restricted = restricted;
  if (restricted && !before) u.hooks.allChanged?.();
}

/** Throws EACCES if a lower branch denies the caller `wanted` (MAY_READ, MAY_SEARCH) on the directory. */
export function mayEnter(u: UnionState, node: Node, wanted: number): void {
  if (!node.restricted || u.options.dirperm1 || u.caller.uid === 0) return;
  for (let i = 1; i < node.layers.length; i++) {
    must(fstat(u.directory(node, i), st));
    if ((bitsFor(u.caller, st) & wanted) !== wanted) throw new Errno(E.EACCES);
  }
}

/** The permission bits (rwx) that apply to the caller. */
function bitsFor(caller: Caller, { mode, uid, gid }: Stat): number {
  if (caller.uid === uid) return (mode >> 6) & 7;
  if (isInGroup(caller, gid)) return (mode >> 3) & 7;
  return mode & 7;
}

export function isInGroup(caller: Caller, gid: number): boolean {
  return caller.gid === gid || groupsOf(caller.pid).includes(gid);
}

/** The supplementary groups of a process: FUSE does not tell them. None where it has ended. */
function groupsOf(pid: number): number[] {
  try {
    const line = /^Groups:\s*(.*)$/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'latin1'));
    return line === null ? [] : line[1].trim().split(/\s+/).filter((word) => word !== '').map(Number);
  } catch {
    return [];
  }
}
