// A rename may take several system calls on the branch: a whiteout made, a directory put out of the way, an opaque mark,
// the rename itself, a whiteout removed. In between, a lower file would show under the old name, or none under the new.
// Such a rename is announced in the branch's root, so that the next mount after a crash can finish it or undo it.
//
// The announcement is a symlink whose target is the text: it is made by one system call, whole or not at all, and file
// systems with a journal keep it in order with what follows. Where it does not fit it is a file.

import { geteuid } from '../posix/credentials.js';
import { readlinkat, symlinkat, unlinkat } from '../posix/directory.js';
import { E, Errno, must } from '../posix/errno.js';
import { O, close, openat2Beneath } from '../posix/file.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { putBack, removeAside } from './aside.js';
import type { Branch } from './branch.js';
import { WHITEOUT_PREFIX } from './name.js';
import { isRecordablePath, readOwn, writeOwn } from './rename-record.js';
import { OPAQUE_MARK, hasWhiteout, makeWhiteout } from './whiteout.js';

export const JOURNAL = '.wh..wh.rename';

/** What is about to be done on a branch. Directories are paths from its root, '' the root itself. */
export interface Announced {
  /** What is renamed: its inode. */
  ino: number;
  from: string;
  name: string;
  to: string;
  newName: string;
  /** Where a directory in the way is put meanwhile: a name among the orphans or in `to`. */
  aside: string;
  /** An opaque mark is put into the directory before, where there was none. */
  opaque: boolean;
  /** A whiteout is put into its old place before, where there was none. */
  hide: boolean;
}

/** To be called before the first of the steps. */
export function announce(branch: Branch, what: Announced): void {
  const text = JSON.stringify({ ...what, root: inodeOf(branch) });
  let result = symlinkat(text, branch.root, JOURNAL);
  if (result === -E.EEXIST) {
    // An earlier one could be neither finished nor undone, as when the disk failed.
    if (!recoverRename(branch)) throw new Errno(E.EIO);
    result = symlinkat(text, branch.root, JOURNAL);
  }
  // Too long, or a file system without symlinks.
  if ([E.ENAMETOOLONG, E.EPERM, E.EOPNOTSUPP, E.ENOSYS].includes(-result as never)) {
    writeOwn(branch, branch.root, JOURNAL, Buffer.from(text, 'latin1'));
  } else must(result);
}

/** All steps are done, or undone. Should the announcement stay, carrying it out once more changes nothing. */
export function finished(branch: Branch): void {
  unlinkat(branch.root, JOURNAL, 0);
}

/** Whether a rename was interrupted there. */
export function isInterrupted(branch: Branch): boolean {
  return statat(branch.root, JOURNAL, st) >= 0;
}

/**
 * Finishes or undoes what a crash interrupted. For a branch that has just been opened for writing, before its orphans are
 * removed. False where that failed: then the announcement stays.
 */
export function recoverRename(branch: Branch): boolean {
  const what = readJournal(branch);
  if (what === null) return true;
  if (what !== 'unusable') {
    const from = openIn(branch, what.from);
    const to = openIn(branch, what.to);
    try {
      if (from >= 0 && to >= 0 && !settle(branch, what, from, to)) return false;
    } finally {
      if (from >= 0) close(from);
      if (to >= 0) close(to);
    }
  }
  finished(branch);
  return true;
}

/** The rename failed at one of its steps; none of it stays. `from` and `to` are its directories. */
export function undoRename(branch: Branch, what: Announced, from: number, to: number): void {
  if (settle(branch, { ...what, moved: false }, from, to)) finished(branch);
}

/** What is still under its old name is to stay there; what has its new name has come. */
function settle(branch: Branch, what: Read, from: number, to: number): boolean {
  if (isThat(from, what.name, what)) {
    const shown = !what.hide || gone(unlinkat(from, WHITEOUT_PREFIX + what.name, 0));
    const merged = !what.opaque || unlinkIn(from, what.name, OPAQUE_MARK);
    return putBack(branch, to, what.newName, what.aside) && shown && merged;
  }
  if (!isThat(to, what.newName, what)) return true;
  try {
    if (what.hide && !exists(from, what.name) && !hasWhiteout(from, what.name)) makeWhiteout(branch, from, what.name);
  } catch (error) {
    if (error instanceof Errno) return false;
    throw error;
  }
  removeAside(branch, to, what.aside);
  return gone(unlinkat(to, WHITEOUT_PREFIX + what.newName, 0));
}

function gone(result: number): boolean {
  return result >= 0 || result === -E.ENOENT;
}

const st = new Stat();

function exists(dirfd: number, name: string): boolean {
  return statat(dirfd, name, st) >= 0;
}

/** In a copy of the branch everything has another inode: there names have to do. */
function isThat(dirfd: number, name: string, what: Read): boolean {
  return exists(dirfd, name) && (what.moved || st.ino === what.ino);
}

function inodeOf(branch: Branch): number {
  must(fstat(branch.root, st));
  return st.ino;
}

function unlinkIn(dirfd: number, directory: string, name: string): boolean {
  const fd = openat2Beneath(dirfd, directory, O.PATH | O.DIRECTORY | O.NOFOLLOW);
  if (fd < 0) return gone(fd);
  const result = unlinkat(fd, name, 0);
  close(fd);
  return gone(result);
}

function openIn(branch: Branch, path: string): number {
  return openat2Beneath(branch.root, path === '' ? '.' : path.slice(1), O.PATH | O.DIRECTORY | O.NOFOLLOW);
}

// --- the announcement, read ----------------------------------------------------------------------

interface Read extends Announced {
  /** The branch is a copy of the one that it was written on. */
  moved: boolean;
}

/** Null where there is none. Only root's and our own counts, as it decides what others see. */
function readJournal(branch: Branch): Read | 'unusable' | null {
  if (!exists(branch.root, JOURNAL)) return null;
  if ((st.mode & S.IFMT) !== S.IFLNK) {
    const data = readOwn(branch.root, JOURNAL, 1 << 16);
    return typeof data === 'object' && data !== null ? parse(branch, data.latin1Slice()) : 'unusable';
  }
  if (st.uid !== 0 && st.uid !== geteuid()) return 'unusable';
  const text = readlinkat(branch.root, JOURNAL);
  return typeof text === 'string' ? parse(branch, text) : 'unusable';
}

function parse(branch: Branch, text: string): Read | 'unusable' {
  try {
    const what = JSON.parse(text) as Announced & { root: number };
    const paths = [`${what.from}/${what.name}`, `${what.to}/${what.newName}`];
    const temporary = /^\.wh\.\.wh\.[0-9a-f]+\.[0-9a-f]+$/.test(what.aside);
    const usable = paths.every(isRecordablePath) && temporary && typeof what.ino === 'number' && typeof what.root === 'number';
    return usable ? { ...what, moved: what.root !== inodeOf(branch) } : 'unusable';
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return 'unusable';
    throw error;
  }
}
