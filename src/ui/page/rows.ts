import type { DirectoryEntry } from '../protocol.js';
import { childKey, type Key, ROOT } from './paths.js';
import type { Directories } from './predict.js';

export interface Row {
  key: Key;
  entry: DirectoryEntry;
  /** 1 for those in the root. */
  level: number;
  /** Among those of its directory, from 1. */
  position: number;
  siblings: number;
  /** Of a directory. */
  isOpen: boolean;
}

/** The tree as lines, with what is open in place. */
export function rowsOf(directories: Directories, open: ReadonlySet<Key>): Row[] {
  const rows: Row[] = [];
  const add = (directory: Key, level: number): void => {
    const entries = directories.get(directory)?.entries ?? [];
    for (const [i, entry] of entries.entries()) {
      const key = childKey(directory, entry);
      const isOpen = entry.type === 'directory' && open.has(key);
      rows.push({ key, entry, level, position: i + 1, siblings: entries.length, isOpen });
      if (isOpen) add(key, level + 1);
    }
  };
  add(ROOT, 1);
  return rows;
}
