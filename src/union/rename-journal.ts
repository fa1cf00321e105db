// A directory's rename takes several system calls on the branch: the rename itself, a whiteout made and one removed,
// perhaps an opaque mark. They are announced in a file in the branch's root, so that the next mount after a crash
// can finish what was begun, or undo it.

import { renameat2, unlinkat } from '../posix/directory.js';
import { O, close, openat2Beneath } from '../posix/file.js';
import { Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { removeTree } from './remove-tree.js';
import { isRecordablePath, readOwn, writeOwn } from './rename-record.js';
import { OPAQUE_MARK, makeWhiteout, removeWhiteout } from './whiteout.js';

const JOURNAL = '.wh..wh.dr_rename';

/** What is about to be done on a branch. Directories are paths from its root, '' the root itself. */
export interface Announced {
  /** The directory that is renamed. */
  ino: number;
  from: string;
  name: string;
  to: string;
  newName: string;
  /** Where a directory in the way is put meanwhile, in `to`. */
  aside: string;
  /** The directory is made opaque before. */
  opaque: boolean;
  /** A whiteout is made in its old place. */
  hide: boolean;
}

/** To be called before the first of the steps. */
export function announce(branch: Branch, what: Announced): void {
  writeOwn(branch, branch.root, JOURNAL, Buffer.from(JSON.stringify(what), 'latin1'));
}

/** All steps are done, or undone. */
export function finished(branch: Branch): void {
  unlinkat(branch.root, JOURNAL, 0);
}

/** Finishes or undoes what a crash interrupted. For a branch that has just been opened for writing. */
export function recoverRename(branch: Branch): void {
  const data = readOwn(branch.root, JOURNAL, 1 << 16);
  if (data === null) return;
  const what = typeof data === 'string' ? null : parse(data);
  if (what !== null) {
    const from = openIn(branch, what.from);
    const to = openIn(branch, what.to);
    try {
      if (from >= 0 && to >= 0) recover(branch, what, from, to);
    } finally {
      if (from >= 0) close(from);
      if (to >= 0) close(to);
    }
  }
  finished(branch);
}

function recover(branch: Branch, what: Announced, from: number, to: number): void {
  if (isThat(from, what.name, what.ino)) {
    if (what.opaque) unlinkIn(from, what.name, OPAQUE_MARK);
    if (exists(to, what.aside) && !exists(to, what.newName)) renameat2(to, what.aside, to, what.newName, 0);
  } else if (isThat(to, what.newName, what.ino)) {
    if (what.hide && !exists(from, what.name)) makeWhiteout(branch, from, what.name);
    removeWhiteout(to, what.newName);
    removeTree(to, what.aside);
  }
}

const st = new Stat();

function exists(dirfd: number, name: string): boolean {
  return statat(dirfd, name, st) >= 0;
}

function isThat(dirfd: number, name: string, ino: number): boolean {
  return exists(dirfd, name) && st.ino === ino;
}

function unlinkIn(dirfd: number, directory: string, name: string): void {
  const fd = openat2Beneath(dirfd, directory, O.PATH | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return;
  unlinkat(fd, name, 0);
  close(fd);
}

function openIn(branch: Branch, path: string): number {
  return openat2Beneath(branch.root, path === '' ? '.' : path.slice(1), O.PATH | O.DIRECTORY | O.NOFOLLOW);
}

function parse(data: Buffer): Announced | null {
  try {
    const what = JSON.parse(data.latin1Slice()) as Announced;
    const paths = [`${what.from}/${what.name}`, `${what.to}/${what.newName}`];
    const temporary = /^\.wh\.\.wh\.[0-9a-f]+\.[0-9a-f]+$/.test(what.aside);
    return paths.every(isRecordablePath) && temporary && typeof what.ino === 'number' ? what : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}
