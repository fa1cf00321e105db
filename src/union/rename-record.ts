// What is kept on a branch about a directory that was renamed while lower branches hold a part of it (aufs(5),
// "dirren"). The format is AUFS's (its design document 06dirren and include/uapi/linux/aufs_type.h), numbers big-endian:
//
// DIRECTORY/.wh..wh..dr.BRANCH, one for each lower branch that holds a part
//    0  'a' 'd' 'r' 1
//    8  inode number of that part on its branch (8 bytes)
//   16  length of the name (1 byte), 7 bytes of nothing
//   24  the name of that part, in the directory that is the parent's part on the same branch
// .wh..wh.hino in the branch's root
//    inode numbers of the directories on this branch that have such records, 8 bytes each
//
// AUFS has no form for a directory that was moved to another parent. For that there is one of ours, which AUFS passes over:
//
// DIRECTORY/.wh..wh..dr_path.BRANCH
//    inode number in decimal digits, a space, the path of that part from the root of its branch ('/a/b')
//
// Where both are there the path counts. BRANCH is AUFS's name for a branch: `2_` and its file system's id (statfs(2)), or
// `3_` and the device number where there is none, then `_` and the inode number of the branch's root.

import { geteuid } from '../posix/credentials.js';
import { unlinkat, renameat2 } from '../posix/directory.js';
import { E, Errno, must } from '../posix/errno.js';
import { O, close, fsync, openat, pread, write } from '../posix/file.js';
import { allocate } from '../posix/memory.js';
import { S, Stat, fstat } from '../posix/stat.js';
import { StatFs, fstatfs } from '../posix/statfs.js';
import type { Branch } from './branch.js';
import { temporaryName } from './copyup.js';
import { WHITEOUT_PREFIX } from './name.js';

export const NAME_RECORD = '.wh..wh..dr.';
export const PATH_RECORD = '.wh..wh..dr_path.';
export const RENAMED_LIST = '.wh..wh.hino';

/** The longest path that is recorded: open(2) takes 4095 bytes. */
export const RECORDED_PATH_LONGEST = 4000;

/** One part of a renamed directory. */
export interface RenameRecord {
  /** Its inode number on its branch: a directory with another one is not it. */
  ino: number;
  /** Its name beside the parent's part, or, with a '/' before it, its path from the root of its branch. */
  origin: string;
}

// --- names of branches ---------------------------------------------------------------------------

const names = new WeakMap<Branch, string>();
const st = new Stat();

/** AUFS's name for a branch in the names of its records. */
export function recordedBranch(branch: Branch): string {
  let name = names.get(branch);
  if (name === undefined) {
    name = nameOf(branch);
    names.set(branch, name);
  }
  return name;
}

function nameOf(branch: Branch): string {
  const fs = new StatFs();
  must(fstatfs(branch.root, fs));
  must(fstat(branch.root, st));
  const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0');
  if (fs.fsid0 !== 0 || fs.fsid1 !== 0) return `2_${hex(fs.fsid0, 8)}-${hex(fs.fsid1, 8)}_${String(st.ino)}`;
  const { devMajor, devMinor } = st;
  const small = devMajor <= 0xff && devMinor <= 0xff;
  return `3_${small ? hex(devMajor, 2) + hex(devMinor, 2) : `${hex(devMajor, 3)}:${hex(devMinor, 5)}`}_${String(st.ino)}`;
}

// --- records -------------------------------------------------------------------------------------

const MAGIC = 'adr\x01';
const NAME_OFFSET = 24;

/**
 * The record of a directory (any descriptor of it) for a lower branch; null if there is none, a text saying what is
 * wrong with it if it cannot be used.
 */
export function readRecord(dirfd: number, lower: Branch): RenameRecord | string | null {
  const id = recordedBranch(lower);
  const path = readOwn(dirfd, PATH_RECORD + id);
  if (path !== null) return typeof path === 'string' ? path : parsePath(path);
  const name = readOwn(dirfd, NAME_RECORD + id);
  if (name !== null) return typeof name === 'string' ? name : parseName(name);
  return null;
}

function parseName(data: Buffer): RenameRecord | string {
  if (data.length <= NAME_OFFSET || data.latin1Slice(0, 4) !== MAGIC) return 'is no record of a renamed directory';
  const end = NAME_OFFSET + data[16];
  if (data.length < end) return 'holds no name';
  const origin = data.latin1Slice(NAME_OFFSET, end);
  if (!isName(origin)) return 'holds no name';
  return { ino: Number(data.readBigUInt64BE(8)), origin };
}

function parsePath(data: Buffer): RenameRecord | string {
  const match = /^(\d{1,20}) (\/[^]*)$/.exec(data.latin1Slice());
  if (match === null || !isRecordablePath(match[2])) return 'holds no path';
  return { ino: Number(match[1]), origin: match[2] };
}

/** Whether a path from a branch's root names something of its users': no way up, nothing of AUFS's own. */
export function isRecordablePath(path: string): boolean {
  return path.length <= RECORDED_PATH_LONGEST && path.startsWith('/') && path.slice(1).split('/').every(isName);
}

function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= 255 && !/[/\0]/.test(name) && !name.startsWith(WHITEOUT_PREFIX);
}

/** Puts a record down: all of it at once, and before the caller goes on. It has to lie on `branch`. */
export function writeRecord(branch: Branch, dirfd: number, lower: Branch, record: RenameRecord): void {
  const id = recordedBranch(lower);
  const { ino, origin } = record;
  if (origin.startsWith('/')) {
    writeOwn(branch, dirfd, PATH_RECORD + id, Buffer.from(`${String(ino)} ${origin}`, 'latin1'));
    return;
  }
  const data = Buffer.alloc(NAME_OFFSET + origin.length);
  data.latin1Write(MAGIC, 0);
  data.writeBigUInt64BE(BigInt(ino), 8);
  data[16] = origin.length;
  data.latin1Write(origin, NAME_OFFSET);
  writeOwn(branch, dirfd, NAME_RECORD + id, data);
}

/** Takes the other form's record away: the one that is to count is there. `null`: both. */
export function dropRecords(dirfd: number, lower: Branch, counts: RenameRecord | null): void {
  const id = recordedBranch(lower);
  if (counts === null || counts.origin.startsWith('/')) unlinkat(dirfd, NAME_RECORD + id, 0);
  if (counts?.origin.startsWith('/') !== true) unlinkat(dirfd, PATH_RECORD + id, 0);
}

// --- which directories have records --------------------------------------------------------------

/** The inode numbers of a branch's directories that have records. Some may have none any more; none is missing. */
export class RenamedDirectories {
  /** Less is in memory than on the branch. */
  stale = false;

  constructor(readonly inodes: Set<number>) {}
}

/** Reads a branch's list; null where it has none, or an empty one. */
export function loadRenamed(branch: Branch): RenamedDirectories | null {
  const data = readOwn(branch.root, RENAMED_LIST, 8 << 20);
  if (data === null || typeof data === 'string') return null;
  const inodes = new Set<number>();
  for (let i = 0; i + 8 <= data.length; i += 8) inodes.add(Number(data.readBigUInt64BE(i)));
  return inodes.size === 0 ? null : new RenamedDirectories(inodes);
}

/** A directory of the branch has records now. Returns when that is written. */
export function noteRenamed(branch: Branch, ino: number): void {
  branch.renamed ??= new RenamedDirectories(new Set());
  const { inodes } = branch.renamed;
  if (inodes.has(ino)) return;
  writeOwn(branch, branch.root, RENAMED_LIST, listOf([...inodes, ino]));
  inodes.add(ino);
}

/** A directory of the branch, if it was a renamed one, is gone or has its old name. */
export function forgetRenamed(branch: Branch, ino: number): void {
  if (branch.renamed?.inodes.delete(ino) === true) branch.renamed.stale = true;
}

/** Brings the list on the branch up to date: at the unmount, or when the branch goes. Without it, it names too many: harmless. */
export function flushRenamed(branch: Branch): void {
  const { renamed } = branch;
  if (renamed === null || !renamed.stale || !branch.writable) return;
  renamed.stale = false;
  try {
    if (renamed.inodes.size === 0) unlinkat(branch.root, RENAMED_LIST, 0);
    else writeOwn(branch, branch.root, RENAMED_LIST, listOf([...renamed.inodes]));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

function listOf(inodes: readonly number[]): Buffer {
  const data = Buffer.alloc(inodes.length * 8);
  for (const [i, ino] of inodes.entries()) data.writeBigUInt64BE(BigInt(ino), i * 8);
  return data;
}

// --- files of ours on a branch -------------------------------------------------------------------

/**
 * A whole file; null where there is none, a text where it is not to be read. What these files say decides what others
 * see, so only root's and our own count.
 */
export function readOwn(dirfd: number, name: string, longest = 8192): Buffer | string | null {
  const fd = openat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK, 0);
  if (fd === -E.ENOENT || fd === -E.ENAMETOOLONG) return null;
  if (fd < 0) return 'cannot be opened';
  try {
    must(fstat(fd, st));
    if ((st.mode & S.IFMT) !== S.IFREG || st.size > longest) return 'is not what it should be';
    if (st.uid !== 0 && st.uid !== geteuid()) return 'belongs to a user that may not decide this';
    const block = allocate(st.size);
    const length = pread(fd, block.address, st.size, 0);
    return length === st.size ? block.bytes : 'cannot be read';
  } finally {
    close(fd);
  }
}

/** Replaces a file, mode 0600: a reader, or the next mount, finds the old one or the new one. */
export function writeOwn(branch: Branch, dirfd: number, name: string, data: Buffer): void {
  const temporary = temporaryName();
  const block = allocate(data.length);
  data.copy(block.bytes);
  const fd = must(openat(branch.orphanDir, temporary, O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW, 0o600));
  try {
    if (must(write(fd, block.address, data.length)) !== data.length) throw new Errno(E.ENOSPC);
    must(fsync(fd));
    must(renameat2(branch.orphanDir, temporary, dirfd, name, 0));
  } catch (error) {
    unlinkat(branch.orphanDir, temporary, 0);
    throw error;
  } finally {
    close(fd);
  }
}
