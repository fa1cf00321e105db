/**
 * Size and free space of a file system, statfs(2).
 */
import { allocate, readU64 } from './memory.js';
import { NR, sys2 } from './syscall.js';

/** Counts of blocks are in units of `frsize`; `files` and `ffree` count inodes; `type` is the file system's magic number. */
export class StatFs {
  type = 0;
  bsize = 0;
  blocks = 0;
  bfree = 0;
  bavail = 0;
  files = 0;
  ffree = 0;
  /** The file system's id (f_fsid), both words 0 where it has none. */
  fsid0 = 0;
  fsid1 = 0;
  namelen = 0;
  frsize = 0;
  flags = 0;
}

/** Values of StatFs.type (linux/magic.h) that tsaufs tells apart. */
export const FS_MAGIC = {
  AUFS: 0x61756673,
  BTRFS: 0x9123683e,
  EXT: 0xef53,
  FUSE: 0x65735546,
  NFS: 0x6969,
  OVERLAYFS: 0x794c7630,
  PROC: 0x9fa0,
  RAMFS: 0x858458f6,
  SQUASHFS: 0x73717368,
  SYSFS: 0x62656572,
  TMPFS: 0x01021994,
  XFS: 0x58465342,
} as const;

// struct statfs of asm-generic/statfs.h, 64-bit words throughout; the indexes below count 32-bit ones.
const statfs = allocate(120);
const words = statfs.u32;

/** fstatfs(2); O_PATH descriptors too. 0 or -errno, `out` then unchanged. */
export function fstatfs(fd: number, out: StatFs): number {
  const result = sys2(NR.fstatfs, fd, statfs.address);
  if (result < 0) return result;
  out.type = readU64(words, 0);
  out.bsize = readU64(words, 2);
  out.blocks = readU64(words, 4);
  out.bfree = readU64(words, 6);
  out.bavail = readU64(words, 8);
  out.files = readU64(words, 10);
  out.ffree = readU64(words, 12);
  out.fsid0 = words[14];
  out.fsid1 = words[15];
  out.namelen = readU64(words, 16);
  out.frsize = readU64(words, 18);
  out.flags = readU64(words, 20);
  return 0;
}
