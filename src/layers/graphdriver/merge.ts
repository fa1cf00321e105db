// Several layers as one: what `docker build --squash` asks for. The files are hard links of the layers' own, so that it
// takes no room; nobody may write to them.

import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { fchmod, fchown, futimens } from '../../posix/attributes.js';
import { AT, linkat, mkdirat, readDirectory, unlinkat } from '../../posix/directory.js';
import { E, Errno, must } from '../../posix/errno.js';
import { O, close, openat } from '../../posix/file.js';
import { allocate } from '../../posix/memory.js';
import { nameFromText } from '../../posix/name.js';
import { S, Stat, statat } from '../../posix/stat.js';
import { fsetxattr, getXattr, listXattr } from '../../posix/xattr.js';
import { WHITEOUT_PREFIX } from '../../union/name.js';
import { removeTree } from '../../union/remove-tree.js';
import { OPAQUE_MARK } from '../../union/whiteout.js';
import { LayerError } from '../error.js';

/** Begins the names of the directories that are made for this in the store. */
export const MERGED_PREFIX = '.merged-';

export interface Merged {
  directory: string;
  remove(): void;
}

/**
 * @param layers directories, from the top down, on one file system with `home`
 * @throws LayerError
 */
export function mergeLayers(layers: readonly string[], home: string): Merged {
  const directory = mkdtempSync(path.join(home, MERGED_PREFIX));
  const remove = (): void => removeTree(AT.FDCWD, nameFromText(directory));
  const to = openat(AT.FDCWD, nameFromText(directory), O.RDONLY | O.DIRECTORY, 0);
  try {
    must(to, directory);
    for (const layer of layers.toReversed()) addLayer(layer, to);
    return { directory, remove };
  } catch (error) {
    remove();
    throw error instanceof Errno ? new LayerError(error.message) : error;
  } finally {
    if (to >= 0) close(to);
  }
}

function addLayer(layer: string, to: number): void {
  const from = must(openat(AT.FDCWD, nameFromText(layer), O.RDONLY | O.DIRECTORY, 0), layer);
  try {
    addDirectory(from, to);
  } finally {
    close(from);
  }
}

const st = new Stat();

/** Adds what is in an upper layer's directory to what the lower ones have made of it. */
function addDirectory(from: number, to: number): void {
  const names = namesIn(from);
  if (names.includes(OPAQUE_MARK)) {
    for (const name of namesIn(to)) removeTree(to, name);
    place(from, to, OPAQUE_MARK);
  }
  const whiteouts = new Set(names.filter(isWhiteout));
  for (const whiteout of whiteouts) {
    removeTree(to, whiteout.slice(WHITEOUT_PREFIX.length));
    place(from, to, whiteout);
  }
  for (const name of names) {
    // A whiteout hides the name beside it; AUFS's own files at the root belong to one branch.
    if (name.startsWith(WHITEOUT_PREFIX) || whiteouts.has(WHITEOUT_PREFIX + name)) continue;
    must(statat(from, name, st));
    if ((st.mode & S.IFMT) === S.IFDIR) addSubdirectory(from, to, name);
    else place(from, to, name);
  }
  copyAttributes(from, to);
}

function addSubdirectory(from: number, to: number, name: string): void {
  const there = statat(to, name, st);
  const isDirectory = there >= 0 && (st.mode & S.IFMT) === S.IFDIR;
  // What lies further down is hidden by the file or the whiteout that gives way.
  let hides = false;
  if (!isDirectory) {
    hides = there >= 0 || unlinkat(to, WHITEOUT_PREFIX + name, 0) >= 0;
    removeTree(to, name);
    must(mkdirat(to, name, 0o700));
  }
  const upper = must(openat(from, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0));
  const merged = openat(to, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
  try {
    must(merged);
    if (hides) close(must(openat(merged, OPAQUE_MARK, O.CREAT | O.EXCL | O.WRONLY, 0o444)));
    addDirectory(upper, merged);
  } finally {
    close(upper);
    if (merged >= 0) close(merged);
  }
}

/** Puts a file in the place of whatever was there, or was said not to be. */
function place(from: number, to: number, name: string): void {
  removeTree(to, name);
  if (!name.startsWith(WHITEOUT_PREFIX)) unlinkat(to, WHITEOUT_PREFIX + name, 0);
  const linked = linkat(from, name, to, name, 0);
  // Whiteouts of one branch are links of one file: there is another where that file can have no more.
  if (linked === -E.EMLINK && name.startsWith(WHITEOUT_PREFIX)) close(must(openat(to, name, O.CREAT | O.EXCL | O.WRONLY, 0o444)));
  else must(linked);
}

function namesIn(fd: number): string[] {
  const names: string[] = [];
  must(readDirectory(fd, (name) => names.push(name)));
  return names;
}

function isWhiteout(name: string): boolean {
  return name.startsWith(WHITEOUT_PREFIX) && !name.startsWith(WHITEOUT_PREFIX, WHITEOUT_PREFIX.length);
}

/** Of one open directory to another. */
function copyAttributes(from: number, to: number): void {
  must(statat(from, '.', st));
  must(fchown(to, st.uid, st.gid));
  must(fchmod(to, st.mode & 0o7777));
  const names = listXattr(from, '.');
  for (const name of typeof names === 'number' ? [] : names) copyXattr(from, to, name);
  must(futimens(to, st.atime, st.atimeNsec, st.mtime, st.mtimeNsec));
}

function copyXattr(from: number, to: number, name: string): void {
  const value = getXattr(from, '.', name);
  if (typeof value === 'number') return;
  const block = allocate(Math.max(value.length, 1));
  block.bytes.set(value);
  must(fsetxattr(to, name, block.address, value.length, 0));
}
