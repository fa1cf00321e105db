import type { Directory, DirectoryEntry, LayerEntry } from '../protocol.js';
import type { Change } from './change.js';
import { judged } from './judge.js';
import { bytesOfKey, indexOf, type Key, lastOf, nameKey, parentOf, shownKey } from './paths.js';

export type Directories = ReadonlyMap<Key, Directory>;

/** Entries that a change leaves as nothing at all are left out. */
type Edit = (entry: DirectoryEntry) => DirectoryEntry;

/**
 * The directories that a change makes others of, as they are after it: the step between two answers of the server, which
 * are true but may have several changes in them. Directories that are not known are left out.
 */
export function predicted(directories: Directories, change: Change): Map<Key, Directory> {
  const result = new Map<Key, Directory>();
  for (const [key, edit] of editsOf(directories, change)) {
    const directory = result.get(parentOf(key)) ?? directories.get(parentOf(key));
    if (directory !== undefined) result.set(parentOf(key), edited(directory, change.branch, lastOf(key), edit));
  }
  return result;
}

function editsOf(directories: Directories, { kind, key, branch, source, other }: Change): [Key, Edit][] {
  switch (kind) {
    case 'copy-up': {
      const below = layerAt(directories, key, source);
      return [[key, (entry) => withLayer(entry, branch, below)]];
    }
    case 'move-down': {
      const moved = layerAt(directories, key, source);
      return [[key, (entry) => withLayer(source === undefined ? entry : withoutLayer(entry, source), branch, moved)]];
    }
    case 'create': return [[key, (entry) => withLayer(entry, branch, { type: 'file', size: 0 })]];
    case 'mkdir': return [[key, (entry) => withLayer(entry, branch, { type: 'directory', size: 0 })]];
    case 'unlink':
    case 'rmdir': return [[key, (entry) => withoutLayer(entry, branch)]];
    case 'whiteout': return [[key, (entry) => ({ ...entry, whiteouts: including(entry.whiteouts, branch) })]];
    case 'unwhiteout': return [[key, (entry) => withLayer({ ...entry, whiteouts: excluding(entry.whiteouts, branch) }, branch, madeAt(entry, branch))]];
    case 'opaque': return [[key, (entry) => ({ ...entry, opaque: including(entry.opaque, branch) })]];
    case 'unopaque': return [[key, (entry) => ({ ...entry, opaque: excluding(entry.opaque, branch) })]];
    case 'link': {
      const linked = layerAt(directories, other, branch);
      return [[key, (entry) => withLayer(entry, branch, linked)]];
    }
    case 'rename': {
      const moved = layerAt(directories, other, branch);
      return other === undefined ? [] : [
        [other, (entry) => withoutLayer(entry, branch)], [key, (entry) => withLayer(entry, branch, moved)],
      ];
    }
  }
}

function layerAt(directories: Directories, key: Key | undefined, branch: number | undefined): Pick<LayerEntry, 'type' | 'size'> {
  const entries = key === undefined ? undefined : directories.get(parentOf(key))?.entries;
  const entry = key === undefined || entries === undefined ? undefined : entries[indexOf(entries, lastOf(key))] as DirectoryEntry | undefined;
  return entry?.layers.find((layer) => layer.branch === branch) ?? { type: 'file', size: 0 };
}

/**
 * What comes in the place of a whiteout, of which the next event tells: in the union both are one moment, in which nothing of
 * the branches below is seen.
 */
function madeAt(entry: DirectoryEntry, branch: number): Pick<LayerEntry, 'type' | 'size'> {
  const there = entry.layers.find((layer) => layer.branch === branch);
  return there ?? { type: entry.opaque.includes(branch) ? 'directory' : 'file', size: 0 };
}

function withLayer(entry: DirectoryEntry, branch: number, { type, size }: Pick<LayerEntry, 'type' | 'size'>): DirectoryEntry {
  const others = entry.layers.filter((layer) => layer.branch !== branch);
  return { ...entry, layers: [...others, { branch, type, size, state: 'seen' as const }].sort((a, b) => a.branch - b.branch) };
}

function withoutLayer(entry: DirectoryEntry, branch: number): DirectoryEntry {
  return { ...entry, layers: entry.layers.filter((layer) => layer.branch !== branch), opaque: excluding(entry.opaque, branch) };
}

function including(all: readonly number[], one: number): number[] {
  return [...new Set([...all, one])].sort((a, b) => a - b);
}

function excluding(all: readonly number[], one: number): number[] {
  return all.filter((each) => each !== one);
}

/** Where the union changes something on a branch, the directory is merged of it from then on. */
function edited(before: Directory, branch: number, name: string, edit: Edit): Directory {
  const directory = { ...before, merged: including(before.merged, branch) };
  const { entries } = directory;
  const at = indexOf(entries, name);
  const after = judged(edit(at < 0 ? nothing(name) : entries[at]), directory.merged);
  const isThere = after.layers.length + after.whiteouts.length + after.ignoredWhiteouts.length > 0;
  if (at >= 0) return { ...directory, entries: isThere ? entries.with(at, after) : entries.toSpliced(at, 1) };
  if (!isThere) return directory;
  return { ...directory, entries: entries.toSpliced(placeOf(entries, name), 0, after) };
}

function nothing(name: string): DirectoryEntry {
  const shown = shownKey(name);
  return {
    name: shown, ...(encodeURIComponent(shown) === name ? {} : { raw: name }),
    type: null, seen: null, layers: [], whiteouts: [], ignoredWhiteouts: [], opaque: [],
  };
}

/** Where a new name goes: names are in the order of their bytes. */
function placeOf(entries: readonly DirectoryEntry[], name: string): number {
  const bytes = bytesOfKey(name);
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bytesOfKey(nameKey(entries[middle])) < bytes) low = middle + 1;
    else high = middle;
  }
  return low;
}
