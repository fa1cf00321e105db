// Where the xino tables lie (aufs(5), xino=): a file without a name in the directory of the path given, by default
// `.aufs.xino` on the first writable branch.

import { E, Errno } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { AT, unlinkat } from '../posix/directory.js';
import { Stat, statat } from '../posix/stat.js';
import { type Branch, UnionError } from './branch.js';
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
  const fd = make(AT.FDCWD, directoryOf(xino), nameOf(xino));
  if (fd < 0) throw new UnionError(`xino=${xino}: ${new Errno(-fd).message}`);
  close(fd);
}

/**
 * Where tables will be made. The directory is found before the union is mounted: afterwards its path may lead into the
 * union, and whoever serves that would wait for itself.
 */
export class XinoPlace {
  private directory = -1;
  private readonly name: string;

  /** `path` as of {@link xinoPath}; on a branch of `branches` the branch is asked for when a table is made. */
  constructor(path: string, private readonly onBranch: (() => Branch | undefined) | null) {
    this.name = nameOf(path);
    if (onBranch === null) this.directory = openat(AT.FDCWD, directoryOf(path), O.PATH | O.DIRECTORY, 0);
  }

  /** A new table: its descriptor. Throws Errno. */
  open(): number {
    const directory = this.onBranch === null ? this.directory : this.onBranch()?.root ?? -E.ENOENT;
    const fd = directory < 0 ? directory : make(directory, '.', this.name);
    if (fd < 0) throw new Errno(-fd, 'xino');
    return fd;
  }

  close(): void {
    if (this.directory >= 0) close(this.directory);
    this.directory = -1;
  }
}

/** The place that the options name; null with noxino. */
export function xinoPlace(options: UnionOptions, branches: () => readonly Branch[]): XinoPlace | null {
  const path = xinoPath(options);
  if (path === null) return null;
  const onBranch = options.xino === undefined && path !== XINO_DEFAULT;
  return new XinoPlace(path, onBranch ? () => branches().find((branch) => branch.writable) : null);
}

function directoryOf(path: string): string {
  const bytes = encodePath(path);
  return bytes.slice(0, bytes.lastIndexOf('/') + 1);
}

function nameOf(path: string): string {
  const bytes = encodePath(path);
  return bytes.slice(bytes.lastIndexOf('/') + 1);
}

function make(at: number, directory: string, name: string): number {
  const fd = openat(at, directory, O.TMPFILE | O.RDWR | O.EXCL, 0o600);
  if (fd !== -E.EOPNOTSUPP && fd !== -E.EISDIR) return fd;
  // A file system without O_TMPFILE: made under its name, and removed at once.
  const path = directory === '.' ? name : directory + name;
  const named = openat(at, path, O.CREAT | O.EXCL | O.RDWR | O.NOFOLLOW, 0o600);
  if (named >= 0) unlinkat(at, path, 0);
  return named;
}
