/**
 * Attributes of a file, through statx(2): one layout on every architecture, and the birth time besides.
 */
import { AT } from './directory.js';
import { inodeNumber } from './inode-number.js';
import { allocate, readI64, readU64 } from './memory.js';
import { slotA } from './name.js';
import { NR, sys5 } from './syscall.js';

/** File types and special bits of a mode; inode(7). */
export const S = {
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
  ISUID: 0o4000,
  ISGID: 0o2000,
  ISVTX: 0o1000,
} as const;

/** Bits of Stat.attributes (STATX_ATTR_*). */
export const ATTRIBUTE = {
  COMPRESSED: 0x4,
  IMMUTABLE: 0x10,
  APPEND: 0x20,
  NODUMP: 0x40,
  ENCRYPTED: 0x800,
  MOUNT_ROOT: 0x2000,
  VERITY: 0x100000,
  DAX: 0x200000,
} as const;

/**
 * Attributes of a file. Times are seconds since 1970 (negative before) with 0..999999999 nanoseconds to add; blocks are
 * of 512 bytes; `ino` tells inodes of one device apart (inode-number.ts); btime is 0 where the file system keeps none. Made once and filled again and again.
 */
export class Stat {
  mode = 0;
  ino = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  size = 0;
  blocks = 0;
  blksize = 0;
  rdevMajor = 0;
  rdevMinor = 0;
  devMajor = 0;
  devMinor = 0;
  atime = 0;
  atimeNsec = 0;
  mtime = 0;
  mtimeNsec = 0;
  ctime = 0;
  ctimeNsec = 0;
  btime = 0;
  btimeNsec = 0;
  attributes = 0;

  /** Takes over every field of another. */
  copy(from: Stat): void {
    this.mode = from.mode;
    this.ino = from.ino;
    this.nlink = from.nlink;
    this.uid = from.uid;
    this.gid = from.gid;
    this.size = from.size;
    this.blocks = from.blocks;
    this.blksize = from.blksize;
    this.rdevMajor = from.rdevMajor;
    this.rdevMinor = from.rdevMinor;
    this.devMajor = from.devMajor;
    this.devMinor = from.devMinor;
    this.atime = from.atime;
    this.atimeNsec = from.atimeNsec;
    this.mtime = from.mtime;
    this.mtimeNsec = from.mtimeNsec;
    this.ctime = from.ctime;
    this.ctimeNsec = from.ctimeNsec;
    this.btime = from.btime;
    this.btimeNsec = from.btimeNsec;
    this.attributes = from.attributes;
  }
}

const BASIC_STATS_AND_BTIME = 0x7ff | 0x800;
// As lstat(2): no link followed, no automount triggered.
const STATAT_FLAGS = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;
const FSTAT_FLAGS = AT.EMPTY_PATH | AT.NO_AUTOMOUNT;

// struct statx of linux/stat.h; the indexes below are its offsets divided by 4.
const statx = allocate(256);
const words = statx.u32;

/** Attributes of `name` in `dirfd`, of a symbolic link itself. 0 or -errno, `out` then unchanged. */
export function statat(dirfd: number, name: string, out: Stat): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  return decode(
    sys5(NR.statx, dirfd, slotA.address, STATAT_FLAGS, BASIC_STATS_AND_BTIME, statx.address), out,
  );
}

const emptyName = allocate(8);

/** Attributes of an open file; O_PATH descriptors too. 0 or -errno, `out` then unchanged. */
export function fstat(fd: number, out: Stat): number {
  return decode(
    sys5(NR.statx, fd, emptyName.address, FSTAT_FLAGS, BASIC_STATS_AND_BTIME, statx.address), out,
  );
}

/** The largest number below 2^63. */
const LARGEST = 2 ** 63 - 1024;

function decode(result: number, out: Stat): number {
  if (result < 0) return result;
  out.blksize = words[1];
  out.attributes = words[2]; // no bit above 2^31 is defined
  out.nlink = words[4];
  out.uid = words[5];
  out.gid = words[6];
  out.mode = words[7] & 0xffff;
  out.ino = inodeNumber(words[8], words[9]);
  // A number rounds up the largest size there is, to one that the kernel refuses.
  out.size = Math.min(readU64(words, 10), LARGEST);
  out.blocks = readU64(words, 12);
  out.atime = readI64(words, 16);
  out.atimeNsec = words[18];
  out.btime = readI64(words, 20);
  out.btimeNsec = words[22];
  out.ctime = readI64(words, 24);
  out.ctimeNsec = words[26];
  out.mtime = readI64(words, 28);
  out.mtimeNsec = words[30];
  out.rdevMajor = words[32];
  out.rdevMinor = words[33];
  out.devMajor = words[34];
  out.devMinor = words[35];
  return 0;
}
