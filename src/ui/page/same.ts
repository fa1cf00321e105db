import type { Directory, DirectoryEntry } from '../protocol.js';
import { nameKey } from './paths.js';

/** The newer of two answers for one directory, with the objects of the older one where they are the same: less to keep, and to draw. */
export function kept(older: Directory | undefined, newer: Directory): Directory {
  if (older === undefined) return newer;
  const known = new Map(older.entries.map((entry) => [nameKey(entry), entry]));
  const entries = newer.entries.map((entry) => {
    const before = known.get(nameKey(entry));
    return before !== undefined && isSame(before, entry) ? before : entry;
  });
  const isUnchanged = entries.length === older.entries.length && entries.every((entry, i) => entry === older.entries[i]) &&
    areSame(older.opaque, newer.opaque) && areSame(older.merged, newer.merged);
  return isUnchanged ? older : { ...newer, entries };
}

function isSame(a: DirectoryEntry, b: DirectoryEntry): boolean {
  return a.type === b.type && a.seen === b.seen && a.size === b.size && a.target === b.target && a.layers.length === b.layers.length &&
    areSame(a.whiteouts, b.whiteouts) && areSame(a.ignoredWhiteouts, b.ignoredWhiteouts) && areSame(a.opaque, b.opaque) &&
    a.layers.every(({ branch, type, size, state }, i) => {
      const other = b.layers[i];
      return branch === other.branch && type === other.type && size === other.size && state === other.state;
    });
}

function areSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
