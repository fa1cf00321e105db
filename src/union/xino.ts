// Inode numbers of the union (AUFS: external inode numbers, "xino").
//
// A file keeps its number for the life of the mount, across copy-up. A number is made from the file system
// a branch lies on and the inode number there; only what was copied up needs to be remembered (known-inodes.ts).

import type { Stat } from '../posix/stat.js';
import type { Branch } from './branch.js';

/** Room for a branch's own numbers below the index of its file system: both fit in 2^53 together. */
const FILE_SYSTEM_STRIDE = 2 ** 40;
/** Numbers for files whose own do not fit (or may not be used): counted up from here. */
const FIRST_FREE_NUMBER = 2 ** 52;

let nextFree = FIRST_FREE_NUMBER;

/** When an inode was made, as one number to compare; 0 where the file system does not tell. */
export function birthOf(st: Stat): number {
  return st.btime + st.btimeNsec / 1e9;
}

/** The union's number for inode `ino` of the branch, born at `birth` (0: not known). */
export function unionInode(branch: Branch, ino: number, birth = 0): number {
  const known = branch.inodes.size === 0 ? undefined : branch.inodes.get(ino, birth);
  if (known !== undefined) return known;
  if (ino < FILE_SYSTEM_STRIDE) return branch.fs * FILE_SYSTEM_STRIDE + ino;
  return freshInode(branch, ino, birth);
}

/** A number nobody has: for a file whose natural number is another node's by now. */
export function freshInode(branch: Branch, ino: number, birth: number): number {
  const fresh = nextFree++;
  branch.inodes.set(ino, birth, fresh);
  return fresh;
}

/** The branch's inode is (the copy of) the file that has this number in the union. */
export function keepInode(branch: Branch, ino: number, birth: number, unionIno: number): void {
  if (ino < FILE_SYSTEM_STRIDE && branch.fs * FILE_SYSTEM_STRIDE + ino === unionIno) branch.inodes.delete(ino);
  else branch.inodes.set(ino, birth, unionIno);
}

/** The branch's inode is gone: its number may come again for another file. */
export function forgetInode(branch: Branch, ino: number): void {
  branch.inodes.delete(ino);
}
