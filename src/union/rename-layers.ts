// Renaming a directory together with what lower branches hold of it (aufs(5), dirren).
//
// The order, so that a crash at any point leaves the tree as it was or as it is to be:
// 1. records of the lower parts are put into the directory. In its old place they say what is so anyway.
// 2. what every rename does (rename.ts): it is announced, and the next mount undoes or finishes it. The opaque mark is for
//    what the new name would show of its own; the records count in spite of it.
// 3. records that the new place makes superfluous are removed.

import { E, Errno, must } from '../posix/errno.js';
import { readDirectory } from '../posix/directory.js';
import { O, close, openat } from '../posix/file.js';
import { S, Stat, fstat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { Probe, probe } from './lookup.js';
import type { Node } from './node.js';
import { hidesBelow } from './overlay-marks.js';
import { showsBelow } from './remove.js';
import {
  NAME_RECORD, PATH_RECORD, RECORDED_PATH_LONGEST, dropRecords, forgetRenamed, noteRenamed, readRecord, type RenameRecord, writeRecord,
} from './rename-record.js';
import { pathOn } from './renamed-directory.js';
import type { UnionState } from './state.js';

/** A rename that takes the directory's lower parts along. */
export interface LayersTaken {
  /** Whether the directory has to be made opaque (and was not). */
  covers: boolean;
  /** The directory, on the branch of the rename. */
  ino: number;
  records: Map<Branch, RenameRecord>;
  /** In its new place the lower parts have the directory's own name: it was renamed back. */
  home: boolean;
}

/** Whether a directory has parts below `branch` that must come along. */
export function takesLayers(u: UnionState, moving: Node, branch: Branch): boolean {
  return u.options.dirren && moving.layers[moving.layers.length - 1].index > branch.index;
}

const lower = new Probe();
const st = new Stat();

/** Step 1. The directory lies on `branch` already. Throws EXDEV where a part's path is too long to be recorded. */
export function takeLayers(u: UnionState, moving: Node, newParent: Node, newName: string, branch: Branch): LayersTaken {
  const dirfd = u.directoryOn(moving, branch);
  const records = new Map<Branch, RenameRecord>();
  for (const [layer, part] of moving.layers.entries()) {
    if (part.index <= branch.index) continue;
    must(fstat(u.directory(moving, layer), st));
    records.set(part, { ino: st.ino, origin: originIn(newParent, part, pathOn(moving, part)) });
  }
  const wasOpaque = hidesBelow(u, dirfd);
  const showsOther = showsBelow(u, newParent, newName, branch);
  const home = showsOther && isHome(u, moving, newParent, newName, branch, records.size);
  must(fstat(dirfd, st));
  const { ino } = st;
  for (const [part, record] of records) {
    const former = readRecord(dirfd, part);
    const same = former !== null && typeof former === 'object' && former.ino === record.ino && former.origin === record.origin;
    if (!same) writeRecord(branch, dirfd, part, record);
  }
  noteRenamed(branch, ino);
  return { covers: showsOther && !home && !wasOpaque, ino, records, home };
}

/** How a part is found from the new parent: beside the parent's own part, which is AUFS's form, or by its path. */
function originIn(newParent: Node, part: Branch, path: string): string {
  const cut = path.lastIndexOf('/');
  if (newParent.layerOf(part) >= 0 && pathOn(newParent, part) === path.slice(0, cut)) return path.slice(cut + 1);
  if (path.length > RECORDED_PATH_LONGEST) throw new Errno(E.EXDEV);
  return path;
}

/** Whether the new name shows below just the directory's own parts. */
function isHome(u: UnionState, moving: Node, newParent: Node, newName: string, branch: Branch, parts: number): boolean {
  const from = newParent.layers.findIndex((layer) => layer.index > branch.index);
  if (from < 0 || !probe(u, newParent, newName, lower, from) || lower.type !== S.IFDIR) return false;
  if (lower.origins !== null || lower.layers.length !== parts) return false;
  return lower.layers.every((part) => moving.layerOf(part) >= 0 && pathOn(moving, part) === `${pathOn(newParent, part)}/${newName}`);
}

/** Step 3; `moving` has its new place. Its layers are looked up, for what a lookup finds is what counts. */
export function settleLayers(u: UnionState, taken: LayersTaken, moving: Node, branch: Branch): void {
  const { parent, name } = moving;
  u.watch?.distrustNames();
  if (parent === null || !probe(u, parent, name, lower)) throw new Errno(E.ESTALE);
  u.forgetDescriptors(moving);
  moving.layers = lower.layers;
  moving.origins = lower.origins;
  moving.limit = lower.limit;
  const dirfd = u.directoryOn(moving, branch);
  // Below an opaque mark only the records lead.
  const needed = !taken.home || hidesBelow(u, dirfd);
  for (const [part, record] of taken.records) dropRecords(dirfd, part, needed ? record : null);
  if (!needed && !hasRecords(dirfd)) forgetRenamed(branch, taken.ino);
}

/** Whether a directory holds a record for any branch, be it one that is not in the union now. */
function hasRecords(dirfd: number): boolean {
  let found = false;
  const fd = must(openat(dirfd, '.', O.RDONLY | O.DIRECTORY, 0));
  const result = readDirectory(fd, (name) => {
    if (name.startsWith(NAME_RECORD) || name.startsWith(PATH_RECORD)) found = true;
  });
  close(fd);
  must(result);
  return found;
}
