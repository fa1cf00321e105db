// Inode numbers of the union (AUFS: external inode numbers, "xino").
//
// A file keeps its number for the life of the mount, across copy-up. A number is made from the file system
// a file lies on and the inode number there; only what was copied up needs to be remembered (known-inodes.ts).

import { FIRST_HASHED_INODE, hashedInode } from '../posix/inode-number.js';
import type { Stat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import type { FileSystem } from './file-system.js';

/** Room for a branch's own numbers below the index of its file system: both fit in 2^52 together. */
export const FILE_SYSTEM_STRIDE = 2 ** 40;
/** Numbers for files whose own may not be used: counted up from here, to FIRST_HASHED_INODE. */
const FIRST_FREE_NUMBER = 2 ** 52;

let nextFree = FIRST_FREE_NUMBER;

/** Which inode it is: of a Stat. */
export type Inode = Pick<Stat, 'ino' | 'devMajor' | 'devMinor' | 'btime' | 'btimeNsec'>;

/** When an inode was made, as one number to compare; 0 where the file system does not tell. */
export function birthOf(st: Inode): number {
  return st.btime + st.btimeNsec / 1e9;
}

function fileSystemOf(branch: Branch, st: Inode): FileSystem {
  const { home } = branch;
  if (st.devMinor === home.devMinor && st.devMajor === home.devMajor) return home;
  return branch.fileSystems.of(st.devMajor, st.devMinor);
}

/** The union's number for an inode of the branch. */
export function unionInode(branch: Branch, st: Inode): number {
  const fs = fileSystemOf(branch, st);
  const known = fs.inodes.size === 0 ? undefined : fs.inodes.get(st.ino, birthOf(st));
  if (known !== undefined) return known;
  const own = ownNumber(branch, fs, st.ino);
  return branch.fileSystems.kept.size > 0 && branch.fileSystems.kept.has(own) ? freshInode(branch, st) : own;
}

/** The same for a number that a listing tells: not exact for an inode of another file system than the branch's root. */
export function listedInode(branch: Branch, ino: number): number {
  const fs = branch.home;
  const known = fs.inodes.size === 0 ? undefined : fs.inodes.get(ino, 0);
  return known ?? ownNumber(branch, fs, ino);
}

function ownNumber(branch: Branch, fs: FileSystem, ino: number): number {
  if (ino < FILE_SYSTEM_STRIDE && fs.index >= 0) return fs.index * FILE_SYSTEM_STRIDE + ino;
  const part = Math.floor(ino / FILE_SYSTEM_STRIDE);
  const low = ino % FILE_SYSTEM_STRIDE;
  if (ino < FIRST_HASHED_INODE) {
    const index = branch.fileSystems.partOf(fs, part);
    if (index >= 0) return index * FILE_SYSTEM_STRIDE + low;
  }
  return hashedInode(low % 2 ** 32, part * 256 + Math.floor(low / 2 ** 32) + Math.imul(fs.devMajor * 4096 + fs.devMinor, 0x9e3779b1));
}

/** A number nobody has: for a file whose natural number is another node's by now. */
export function freshInode(branch: Branch, st: Inode): number {
  const fresh = nextFree++;
  fileSystemOf(branch, st).inodes.set(st.ino, birthOf(st), fresh);
  return fresh;
}

/** The branch's inode is (the copy of) the file that has this number in the union. */
export function keepInode(branch: Branch, st: Inode, unionIno: number): void {
  const fs = fileSystemOf(branch, st);
  if (ownNumber(branch, fs, st.ino) === unionIno && !branch.fileSystems.kept.has(unionIno)) fs.inodes.delete(st.ino);
  else fs.inodes.set(st.ino, birthOf(st), unionIno);
}

/** The same, for a file whose inode with that number goes: `keepInode`, and no other file gets the number. */
export function keepInodeForGood(branch: Branch, st: Inode, unionIno: number): void {
  const fs = fileSystemOf(branch, st);
  if (fs.inodes.forgets) return;
  branch.fileSystems.kept.add(unionIno);
  fs.inodes.set(st.ino, birthOf(st), unionIno);
}

/** The branch's inode is gone: its number may come again for another file. */
export function forgetInode(branch: Branch, st: Inode): void {
  fileSystemOf(branch, st).inodes.delete(st.ino);
}

/** Whether two attributes are of one inode of a branch. */
export function sameInode(a: Inode, b: Inode): boolean {
  return a.ino === b.ino && a.devMinor === b.devMinor && a.devMajor === b.devMajor;
}
