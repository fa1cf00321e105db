// Where the xino tables lie (aufs(5), xino=): a file without a name in the directory of the path given, by default
// `.aufs.xino` on the first writable branch.

import { E, Errno } from '../posix/errno.js';
import { O, openat } from '../posix/file.js';
import { AT, unlinkat } from '../posix/directory.js';
import { Stat, statat } from '../posix/stat.js';
import { UnionError } from './branch.js';
import { encodePath } from './name.js';
import type { UnionOptions } from './options.js';

const XINO_NAME = '.aufs.xino';
/** AUFS's place where no branch takes writes. */
const XINO_DEFAULT = `/tmp/${XINO_NAME}`;

/** The path that AUFS would name in xi_path; null with noxino. */
export function xinoPath(options: UnionOptions): string | null {
  if (options.xino !== undefined) return options.xino;
  const writable = options.readonly ? undefined : options.branches.find((branch) => branch.perm === 'rw');
  return writable === undefined ? XINO_DEFAULT : `${writable.path}/${XINO_NAME}`;
}

/** Throws UnionError where a table could not be made at the path that the user gave. */
export function checkXino(options: UnionOptions): void {
  const { xino } = options;
  if (xino === undefined || xino === null) return;
  if (statat(AT.FDCWD, encodePath(xino), new Stat()) >= 0) {
    throw new UnionError(`xino=${xino}: the file exists already; name one that does not`);
  }
  const fd = tryOpen(xino);
  if (fd < 0) throw new UnionError(`xino=${xino}: ${new Errno(-fd).message}`);
}

/** A new table: its descriptor. Throws Errno. */
export function openXino(path: string): number {
  const fd = tryOpen(path);
  if (fd < 0) throw new Errno(-fd, 'xino');
  return fd;
}

function tryOpen(path: string): number {
  const bytes = encodePath(path);
  const fd = openat(AT.FDCWD, bytes.slice(0, bytes.lastIndexOf('/') + 1), O.TMPFILE | O.RDWR | O.EXCL, 0o600);
  if (fd !== -E.EOPNOTSUPP && fd !== -E.EISDIR) return fd;
  // A file system without O_TMPFILE: made under its name, and removed at once.
  const named = openat(AT.FDCWD, bytes, O.CREAT | O.EXCL | O.RDWR | O.NOFOLLOW, 0o600);
  if (named >= 0) unlinkat(AT.FDCWD, bytes, 0);
  return named;
}
