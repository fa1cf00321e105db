import path from 'node:path';
import { WHITEOUT_PREFIX } from '../../union/name.js';
import type { LayerEntry } from '../entry.js';
import { DriverError } from './error.js';

/** One range of ids of a user namespace, as Docker tells it (`--userns-remap`). */
export interface IdRange {
  container_id: number;
  host_id: number;
  size: number;
}

/** The ranges for users and those for groups; empty where nothing is mapped. */
export interface IdMaps {
  uidMaps: readonly IdRange[];
  gidMaps: readonly IdRange[];
}

/** An entry of an archive with the owner that its file has on disk. */
export function entryToHost(entry: LayerEntry, { uidMaps, gidMaps }: IdMaps): LayerEntry {
  return { ...entry, uid: toHost(entry.uid, uidMaps), gid: toHost(entry.gid, gidMaps) };
}

/** The reverse. Whiteouts belong to whoever mounted, whom no range has. */
export function entryToContainer(entry: LayerEntry, { uidMaps, gidMaps }: IdMaps): LayerEntry {
  if (path.basename(entry.name).startsWith(WHITEOUT_PREFIX)) return entry;
  return { ...entry, uid: toContainer(entry.uid, uidMaps), gid: toContainer(entry.gid, gidMaps) };
}

/** @throws DriverError for an id that no range has */
export function toHost(id: number, ranges: readonly IdRange[]): number {
  if (ranges.length === 0) return id;
  const range = ranges.find(({ container_id: first, size }) => first <= id && id < first + size);
  if (range === undefined) throw new DriverError(`the ranges of --userns-remap have no place for the id ${id}`);
  return range.host_id + id - range.container_id;
}

/** @throws DriverError for an id that no range has */
function toContainer(id: number, ranges: readonly IdRange[]): number {
  if (ranges.length === 0) return id;
  const range = ranges.find(({ host_id: first, size }) => first <= id && id < first + size);
  if (range === undefined) throw new DriverError(`the id ${id} is in none of the ranges of --userns-remap`);
  return range.container_id + id - range.host_id;
}
