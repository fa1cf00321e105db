/** Attributes as the addon takes them: arrays of 32-bit words, and less exact than the union's. */
import type { Stat } from '../../posix/stat.js';
import type { StatFs } from '../../posix/statfs.js';
import { encodeDevice } from '../kernel/reply.js';

const TWO_32 = 2 ** 32;

/** Words of struct stat in the addon's form (its `populate_stat`). */
export const STAT_WORDS = 18;
/** The same of struct statvfs. */
export const STATVFS_WORDS = 11;

/** Writes a Stat: 32 bits of the inode number, times to the millisecond. */
export function putStat(words: Uint32Array, stat: Stat): void {
  words[0] = stat.mode;
  words[1] = stat.uid;
  words[2] = stat.gid;
  put64(words, 3, stat.size);
  words[5] = 0;
  words[6] = stat.nlink;
  words[7] = shortInode(stat.ino);
  words[8] = encodeDevice(stat.rdevMajor, stat.rdevMinor);
  words[9] = stat.blksize;
  put64(words, 10, stat.blocks);
  putTime(words, 12, stat.atime, stat.atimeNsec);
  putTime(words, 14, stat.mtime, stat.mtimeNsec);
  putTime(words, 16, stat.ctime, stat.ctimeNsec);
}

/** What a listing tells: the type and the inode number. */
export function putEntry(words: Uint32Array, type: number, ino: number): void {
  // DT_* are the S_IFMT bits shifted, readdir(3).
  words[0] = type << 12;
  words[7] = shortInode(ino);
}

/**
 * An inode number in 32 bits. Those of the first file system, which are small, stay as they are; of the others, whose upper
 * bits tell which it is, two may come out the same, though hardly ever.
 */
export function shortInode(ino: number): number {
  const upper = Math.floor(ino / TWO_32);
  // The golden ratio spreads small numbers over all the bits.
  return upper === 0 ? ino : ((ino % TWO_32) ^ Math.imul(upper, 0x9e3779b1)) >>> 0;
}

/** The addon divides an unsigned number: before 1970 it would be hundreds of millions of years later. */
function putTime(words: Uint32Array, index: number, seconds: number, nanoseconds: number): void {
  put64(words, index, Math.max(0, seconds * 1000 + Math.floor(nanoseconds / 1e6)));
}

function put64(words: Uint32Array, index: number, value: number): void {
  words[index] = value;
  words[index + 1] = Math.floor(value / TWO_32);
}

/** Writes a StatFs. Where the counts of blocks do not fit in 32 bits, the blocks are made larger. */
export function putStatFs(words: Uint32Array, st: StatFs): void {
  let unit = 1;
  while (st.blocks / unit >= TWO_32) unit *= 2;
  words.fill(0);
  words[0] = Math.max(st.bsize, st.frsize * unit);
  words[1] = st.frsize * unit;
  words[2] = Math.floor(st.blocks / unit);
  words[3] = Math.floor(st.bfree / unit);
  words[4] = Math.floor(st.bavail / unit);
  words[5] = Math.min(st.files, TWO_32 - 1);
  words[6] = words[7] = Math.min(st.ffree, TWO_32 - 1);
  words[10] = st.namelen;
}
