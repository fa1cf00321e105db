// What lies on a branch, as a person or a program is told of it.

import { decodeName } from '../union/name.js';
import { S, type Stat } from '../posix/stat.js';
import { readlinkat } from '../posix/directory.js';

export type EntryType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character device' | 'block device' | 'unknown';

export interface Entry {
  type: EntryType;
  /** Bytes. */
  size: number;
  /** Permissions in octal, as chmod(1) takes them: `0644`. */
  mode: string;
  uid: number;
  gid: number;
  /** ISO 8601, to the millisecond. */
  mtime: string;
  /** Hard links on the branch. */
  links: number;
  /** Where a symbolic link leads. */
  target?: string;
}

const types = new Map<number, EntryType>([
  [S.IFREG, 'file'], [S.IFDIR, 'directory'], [S.IFLNK, 'symlink'], [S.IFIFO, 'fifo'], [S.IFSOCK, 'socket'],
  [S.IFCHR, 'character device'], [S.IFBLK, 'block device'],
]);

export function entryType(mode: number): EntryType {
  return types.get(mode & S.IFMT) ?? 'unknown';
}

/** The entry `name` of the directory `dirfd`, whose attributes were read. */
export function entryOf(st: Stat, dirfd: number, name: string): Entry {
  const entry: Entry = {
    type: entryType(st.mode),
    size: st.size,
    mode: (st.mode & 0o7777).toString(8).padStart(4, '0'),
    uid: st.uid,
    gid: st.gid,
    mtime: timeText(st),
    links: st.nlink,
  };
  if (entry.type === 'symlink') {
    const target = readlinkat(dirfd, name);
    if (typeof target === 'string') entry.target = decodeName(target);
  }
  return entry;
}

/** Times that no calendar has are shown as seconds since 1970. */
function timeText({ mtime, mtimeNsec }: Stat): string {
  const milliseconds = mtime * 1000 + Math.floor(mtimeNsec / 1e6);
  return Math.abs(milliseconds) > 8.64e15 ? `@${String(mtime)}` : new Date(milliseconds).toISOString();
}
