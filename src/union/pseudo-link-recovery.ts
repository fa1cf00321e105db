// Pseudo-links of a mount that was killed. What lies in `.wh..wh.plnk` then may be the only name of a changed file whose
// other names are on a lower branch: they would show what it was before.
//
// While a mount has pseudo-links on a branch there is a note of them (pseudo-link-note.ts). The next mount finds it, ties
// the names to the copies again and makes them real, as at an unmount. An unmount takes it away; so what `umount -i`
// leaves is left alone, as in AUFS.

import { DT, readDirectory } from '../posix/directory.js';
import { Errno, must } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { flushPseudoLinks } from './pseudo-link-flush.js';
import { type Note, forgetNote, readNote } from './pseudo-link-note.js';
import type { PseudoLink } from './pseudo-link.js';
import { recordedBranch } from './rename-record.js';
import type { UnionState } from './state.js';
import { FILE_SYSTEM_STRIDE, keepInode } from './xino.js';

/** Ends the pseudo-links that a killed mount has left: every name that showed a copy becomes a real link of it. */
export function recoverPseudoLinks(u: UnionState): void {
  for (const branch of u.branches) {
    if (branch.plinkDir < 0) continue;
    const note = readNote(branch);
    if (note === null) continue;
    const found = readLinks(u, branch, note);
    for (const [ino, link] of found) u.plinks.restore(ino, link);
    try {
      flushPseudoLinks(u, branch);
      forgetNote(branch);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      // They stay where they are: the next mount tries anew.
      u.hooks.log('warn', `hard links on ${branch.path} that an interrupted mount left could not be restored: ${error.message}`);
      for (const ino of found.keys()) u.plinks.forget(ino);
    }
  }
}

/**
 * Ties names to the copies that `.wh..wh.plnk` on `branch` keeps for a running or killed mount, and changes nothing there:
 * for a union that is looked at. The directory is open already.
 */
export function adoptPseudoLinks(u: UnionState, branch: Branch): void {
  const note = branch.plinkDir < 0 ? null : readNote(branch);
  if (note === null) return;
  for (const [ino, link] of readLinks(u, branch, note)) u.plinks.restore(ino, link);
}

const copy = new Stat();

function readLinks(u: UnionState, branch: Branch, note: Note): Map<number, PseudoLink> {
  const links = new Map<number, PseudoLink>();
  const fd = must(openat(branch.plinkDir, '.', O.RDONLY | O.DIRECTORY, 0));
  const names: string[] = [];
  const result = readDirectory(fd, (name, type) => {
    if (type !== DT.DIR) names.push(name);
  });
  close(fd);
  must(result);
  for (const name of names) {
    const match = /^(\d{1,16})\.(\d{1,16})$/.exec(name);
    if (match === null) continue;
    const ino = numberNow(u, note, Number(match[1]), Number(match[2]));
    if (ino === null || statat(branch.plinkDir, name, copy) < 0) {
      u.hooks.log('warn', `${branch.path}/.wh..wh.plnk/${name} is left of an interrupted mount over other branches`);
      continue;
    }
    keepInode(branch, copy, ino);
    links.set(ino, { branch, name, nlink: Infinity, unchangedSince: note.time });
  }
  return links;
}

/** The number in this union of a file that had `ino` in the former one; null where it is not on these branches. */
function numberNow(u: UnionState, note: Note, ino: number, inoBelow: number): number | null {
  const index = Math.floor(ino / FILE_SYSTEM_STRIDE);
  // Not its own number: it had been copied up before.
  if (ino % FILE_SYSTEM_STRIDE !== inoBelow) return null;
  let homeNow = -1;
  for (const [name, home] of note.branches) {
    const branch = u.branches.find((each) => recordedBranch(each) === name);
    // Without all of them, a name that is not found may be on one that is missing.
    if (branch === undefined) return null;
    if (home === index) homeNow = branch.home.index;
  }
  return homeNow < 0 ? null : homeNow * FILE_SYSTEM_STRIDE + inoBelow;
}
