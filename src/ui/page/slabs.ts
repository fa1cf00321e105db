// What each branch has in one directory.

import type { Directory, DirectoryEntry, EntryType } from '../protocol.js';
import { childKey, type Key } from './paths.js';

export type ChipState = 'seen' | 'merged' | 'hidden' | 'whiteout' | 'ignored-whiteout';

export interface Chip {
  key: Key;
  entry: DirectoryEntry;
  state: ChipState;
  type: EntryType | null;
  isOpaque: boolean;
}

const known = new WeakMap<Directory, ReadonlyMap<number, Chip[]>>();

/** By the number of the branch, in the order of names. */
export function chipsOf(directory: Directory, key: Key): ReadonlyMap<number, Chip[]> {
  const before = known.get(directory);
  if (before !== undefined) return before;
  const result = new Map<number, Chip[]>();
  const add = (branch: number, chip: Chip): void => {
    const chips = result.get(branch);
    if (chips === undefined) result.set(branch, [chip]);
    else chips.push(chip);
  };
  for (const entry of directory.entries) {
    const own = childKey(key, entry);
    for (const { branch, type, state } of entry.layers) {
      add(branch, { key: own, entry, state, type, isOpaque: entry.opaque.includes(branch) });
    }
    for (const branch of entry.whiteouts) add(branch, { key: own, entry, state: 'whiteout', type: null, isOpaque: false });
    for (const branch of entry.ignoredWhiteouts) add(branch, { key: own, entry, state: 'ignored-whiteout', type: null, isOpaque: false });
  }
  known.set(directory, result);
  return result;
}

export interface Cut {
  chips: Chip[];
  before: number;
  after: number;
}

/** So many of them, about the one that is looked at. */
export function cut(all: readonly Chip[], most: number, about: Key | null): Cut {
  if (all.length <= most) return { chips: [...all], before: 0, after: 0 };
  const at = all.findIndex(({ key }) => key === about);
  const start = Math.max(0, Math.min(all.length - most, at - Math.floor(most / 2)));
  return { chips: all.slice(start, start + most), before: start, after: all.length - most - start };
}
