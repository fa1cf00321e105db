// What an upper branch has is taken away once a lower branch shows the same (`tsaufs sync --move`). By paths on the branches,
// never through a symbolic link; what a mounted union has to know of it, it hears from each step.

import { futimens } from '../posix/attributes.js';
import { AT, unlinkat } from '../posix/directory.js';
import { E, Errno, must } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { WHITEOUT_PREFIX } from './name.js';
import { OPAQUE_MARK } from './whiteout.js';

/** An inode as it was when it was copied: plain data. */
export interface Signature {
  ino: number;
  size: number;
  mtime: number;
  mtimeNsec: number;
  ctime: number;
  ctimeNsec: number;
}

export function signatureOf({ ino, size, mtime, mtimeNsec, ctime, ctimeNsec }: Stat): Signature {
  return { ino, size, mtime, mtimeNsec, ctime, ctimeNsec };
}

/**
 * Paths from the roots of both branches, bytes as latin1 strings. A file with all its names; an opaque mark by its directory, and
 * a whiteout by what it hides. In this order: opaque marks, from above; files and whiteouts; directories, from below.
 */
export type Drop =
  | { kind: 'file'; paths: readonly string[]; upper: Signature }
  | { kind: 'opaque' | 'whiteout' | 'directory'; path: string };

/** Who has to know. A text says why it must stay. */
export interface DropWitness {
  file(upper: Stat, lower: Stat): string | null;
  /** After the last of its names has gone. */
  fileGone(upper: Stat, lower: Stat): void;
  directory(upper: Stat, lower: Stat): string | null;
  directoryGone(upper: Stat, lower: Stat): void;
}

/** Takes one thing away from the branch `upper` (a descriptor of its root). Returns why it stays, or null. */
export function dropOne(upper: number, lower: number, drop: Drop, witness: DropWitness): string | null {
  try {
    switch (drop.kind) {
      case 'file':
        return dropFile(upper, lower, drop.paths, drop.upper, witness);
      case 'opaque':
        return inside(upper, `${drop.path}/`, (fd) => removed(fd, OPAQUE_MARK));
      case 'whiteout': {
        const { directory, name } = split(drop.path);
        return inside(upper, directory, (fd) => removed(fd, WHITEOUT_PREFIX + name));
      }
      case 'directory':
        return dropDirectory(upper, lower, drop.path, witness);
    }
  } catch (error) {
    if (error instanceof Errno) return error.message;
    throw error;
  }
}

const above = new Stat();
const below = new Stat();

function dropFile(upper: number, lower: number, paths: readonly string[], was: Signature, witness: DropWitness): string | null {
  let copy = -1;
  for (const path of paths) {
    if (!find(upper, path, above) || !isAsCopied(above, was)) return 'was changed after it was copied';
    if (!find(lower, path, below) || !looksTheSame(above, below) || (copy >= 0 && below.ino !== copy)) return 'the copy was changed';
    copy = below.ino;
  }
  const why = witness.file(above, below);
  if (why !== null) return why;
  for (const path of paths) {
    const { directory, name } = split(path);
    inside(upper, directory, (fd) => removed(fd, name));
  }
  witness.fileGone(above, below);
  return null;
}

function isAsCopied(now: Stat, was: Signature): boolean {
  return now.ino === was.ino && now.size === was.size && now.mtime === was.mtime && now.mtimeNsec === was.mtimeNsec
    // Its names go one by one.
    && now.ctime === was.ctime && now.ctimeNsec === was.ctimeNsec;
}

function looksTheSame(a: Stat, b: Stat): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && (isDirectory(a) || a.size === b.size);
}

function isDirectory({ mode }: Stat): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function dropDirectory(upper: number, lower: number, path: string, witness: DropWitness): string | null {
  if (!find(upper, path, above) || !find(lower, path, below) || !isDirectory(below)) return 'the copy was changed';
  if (!looksTheSame(above, below)) return 'the attributes of the copy were changed';
  const why = witness.directory(above, below);
  if (why !== null) return why;
  const { directory, name } = split(path);
  const result = inside(upper, directory, (fd) => unlinkIn(fd, name, AT.REMOVEDIR));
  if (result === -E.ENOTEMPTY || result === -E.EEXIST) return 'is not empty';
  must(result);
  witness.directoryGone(above, below);
  return null;
}

function split(path: string): { directory: string; name: string } {
  const cut = path.lastIndexOf('/') + 1;
  return { directory: path.slice(0, cut), name: path.slice(cut) };
}

function find(root: number, path: string, out: Stat): boolean {
  const { directory, name } = split(path);
  try {
    return inside(root, directory, (fd) => statat(fd, name, out) >= 0);
  } catch (error) {
    if (error instanceof Errno) return false;
    throw error;
  }
}

/** Calls `use` with a descriptor of a directory below `root`: a path that ends with a slash, or ''. */
function inside<Result>(root: number, directory: string, use: (fd: number) => Result): Result {
  let fd = must(openat(root, '.', O.PATH | O.DIRECTORY, 0));
  try {
    for (const part of directory.split('/')) {
      if (part === '') continue;
      const next = openat(fd, part, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
      close(fd);
      fd = -1;
      fd = must(next);
    }
    return use(fd);
  } finally {
    if (fd >= 0) close(fd);
  }
}

function removed(fd: number, name: string): null {
  const result = unlinkIn(fd, name, 0);
  if (result !== -E.ENOENT) must(result);
  return null;
}

const before = new Stat();

/** What goes is still there to the user: the directory keeps its times. */
function unlinkIn(fd: number, name: string, flags: number): number {
  must(fstat(fd, before));
  const { atime, atimeNsec, mtime, mtimeNsec } = before;
  const result = unlinkat(fd, name, flags);
  futimens(fd, atime, atimeNsec, mtime, mtimeNsec);
  return result;
}
