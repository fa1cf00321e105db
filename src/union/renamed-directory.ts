// Directories that were renamed together with what lower branches hold of them (aufs(5), dirren). On the branch of the
// rename such a directory has its new name; the parts below keep theirs, and are found by what the records say
// (rename-record.ts). A part without a record is looked for under the directory's own name, as ever; an opaque mark ends
// that, but not what is recorded.

import { close, O, openat, openat2Beneath } from '../posix/file.js';
import { E, must } from '../posix/errno.js';
import { fstat, Stat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import type { Probe } from './lookup.js';
import type { Node } from './node.js';
import { hidesBelow } from './overlay-marks.js';
import { isStricter } from './permission.js';
import { flushRenamed, loadRenamed, readRecord, type RenameRecord } from './rename-record.js';
import type { UnionState } from './state.js';
import { hasWhiteout } from './whiteout.js';

const DIRECTORY = O.PATH | O.DIRECTORY | O.NOFOLLOW;

/** Said once each; a hostile branch does not fill the log. */
const MOST_WARNINGS = 100;

const below = new Stat();

/**
 * Goes on with a lookup below `merged`, whose last is the parent's layer `at`, where the directory `name` was just found on a branch
 * that has renamed directories. Returns false, with nothing done, if this is none of them.
 */
export function probeRenamed(
  u: UnionState, parent: Node, name: string, into: Probe, at: number, merged: Branch[],
): boolean {
  const first = parent.layers[at];
  const records = new Map<Branch, RenameRecord>();
  /** A part without a record is looked for down to here. */
  let limit = Number.MAX_SAFE_INTEGER;
  const fd = u.openChild(parent, at, name);
  try {
    addRecords(u, parent, name, fd, first, records);
    if (records.size === 0) return false;
    if (first.whiteouts && hidesBelow(u, fd)) limit = first.index;
  } finally {
    close(fd);
  }
  const origins = new Map<Branch, string>();
  for (const branch of u.branches.slice(first.index + 1)) {
    const record = records.get(branch);
    let layer = branch.index <= limit ? parent.layerOf(branch) : -1;
    if (layer >= 0 && branch.whiteouts && hasWhiteout(u.directory(parent, layer), name)) {
      limit = branch.index - 1;
      layer = -1;
    }
    if (record === undefined && layer < 0) continue;
    const part = openPart(u, parent, branch, record?.origin ?? name);
    if (part < 0) {
      if (record !== undefined) warn(u, parent, name, first, `its part on ${branch.path} is not there`);
      continue;
    }
    try {
      must(fstat(part, below));
      if (record !== undefined && below.ino !== record.ino) {
        warn(u, parent, name, first, `another directory is in the place of its part on ${branch.path}`);
        continue;
      }
      merged.push(branch);
      if (record !== undefined && record.origin !== name) origins.set(branch, record.origin);
      if (!u.options.dirperm1 && isStricter(into.stat, below)) into.restricted = true;
      if (branch.renamed !== null) addRecords(u, parent, name, part, branch, records);
      if (branch.whiteouts && hidesBelow(u, part)) limit = Math.min(limit, branch.index);
    } finally {
      close(part);
    }
  }
  into.limit = limit;
  into.layers = merged.length === 1 ? merged[0].alone : merged;
  if (origins.size > 0) into.origins = origins;
  return true;
}

/** What a directory's records on `branch` say of the branches below; what was said above it counts more. */
function addRecords(
  u: UnionState, parent: Node, name: string, fd: number, branch: Branch, records: Map<Branch, RenameRecord>,
): void {
  for (const lower of u.branches.slice(branch.index + 1)) {
    if (records.has(lower)) continue;
    const record = readRecord(fd, lower);
    if (typeof record === 'string') warn(u, parent, name, branch, `its record for ${lower.path} ${record}`);
    else if (record !== null) records.set(lower, record);
  }
}

function warn(u: UnionState, parent: Node, name: string, branch: Branch, why: string): void {
  const path = Buffer.from(name, 'latin1').toString('utf8');
  const message = `${branch.path}: renamed directory ${parent.parent === null ? '' : parent.path()}/${path}: ${why}; ignored`;
  if (u.warned.size >= MOST_WARNINGS || u.warned.has(message)) return;
  u.warned.add(message);
  u.hooks.log('warn', message);
}

function openPart(u: UnionState, parent: Node, branch: Branch, origin: string): number {
  if (origin.startsWith('/')) return openOrigin(branch, origin);
  const layer = parent.layerOf(branch);
  if (layer < 0) return -E.ENOENT;
  return openat(u.directory(parent, layer), origin, DIRECTORY, 0);
}

/** A directory by its recorded path: never out of the branch, never through a symlink. Descriptor or -errno. */
export function openOrigin(branch: Branch, origin: string): number {
  return openat2Beneath(branch.root, origin.slice(1), DIRECTORY);
}

/** The path of a directory's layer from the root of its branch; '' for the root. */
export function pathOn(node: Node, branch: Branch): string {
  const origin = node.origins?.get(branch);
  if (origin?.startsWith('/') === true) return origin;
  return node.parent === null ? '' : `${pathOn(node.parent, branch)}/${origin ?? node.name}`;
}

/** Reads which directories of a branch were renamed, or, with nodirren, forgets it. */
export function openRenamed(u: UnionState, branch: Branch): void {
  if (u.options.dirren) {
    branch.renamed ??= loadRenamed(branch);
  } else {
    flushRenamed(branch);
    branch.renamed = null;
  }
}
