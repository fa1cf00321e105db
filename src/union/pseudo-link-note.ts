// What the next mount has to know of pseudo-links, should this one be killed: an extended attribute of `.wh..wh.plnk`
// says what the inode numbers in their names mean, that is, which file systems they count from.

import { allocate } from '../posix/memory.js';
import { fgetxattr, fremovexattr, fsetxattr } from '../posix/xattr.js';
import type { Branch } from './branch.js';
import { recordedBranch } from './rename-record.js';

/** Root's cannot be set by others; an ordinary user has the other. */
const ATTRIBUTES = ['trusted.tsaufs.plinks', 'user.tsaufs.plinks'];
const LONGEST = 65_536;

export interface Note {
  /** Seconds; what was changed on a lower branch since then may be another file. */
  time: number;
  /** The branches by AUFS's name for them, and the index of the file system of each; see xino.ts. */
  branches: [string, number][];
}

/** Before a branch gets its first pseudo-link. Where there are no such attributes a crash ends the ties, as in AUFS. */
export function notePseudoLinks(branch: Branch, branches: readonly Branch[]): void {
  const note: Note = { time: Date.now() / 1000, branches: branches.map((each) => [recordedBranch(each), each.home.index]) };
  const data = Buffer.from(JSON.stringify(note), 'latin1');
  if (data.length > LONGEST) return;
  const block = allocate(data.length);
  data.copy(block.bytes);
  ATTRIBUTES.some((attribute) => fsetxattr(branch.plinkDir, attribute, block.address, data.length, 0) >= 0);
}

/** The pseudo-links have ended, or are to be left. */
export function forgetNote(branch: Branch): void {
  if (branch.plinkDir < 0) return;
  for (const attribute of ATTRIBUTES) fremovexattr(branch.plinkDir, attribute);
}

/** Null where no mount has left one. */
export function readNote(branch: Branch): Note | null {
  const block = allocate(LONGEST);
  for (const attribute of ATTRIBUTES) {
    const length = fgetxattr(branch.plinkDir, attribute, block.address, LONGEST);
    if (length > 0) return parse(block.bytes.latin1Slice(0, length));
  }
  return null;
}

/** Whether a mount that was killed has left one; `fd` is of a `.wh..wh.plnk`, open for reading. */
export function hasPlinkNote(fd: number): boolean {
  return ATTRIBUTES.some((attribute) => fgetxattr(fd, attribute, 0, 0) > 0);
}

function parse(text: string): Note | null {
  try {
    const { time, branches } = JSON.parse(text) as Note;
    const valid = typeof time === 'number' && Array.isArray(branches) && branches.every((each) => Array.isArray(each));
    return valid ? { time, branches } : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}
