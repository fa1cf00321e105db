import { expect, test } from 'vitest';
import { Stat } from '../../../src/posix/stat.js';
import { StatFs } from '../../../src/posix/statfs.js';
import { putStat, putStatFs, shortInode, STAT_WORDS, STATVFS_WORDS } from '../../../src/fuse/native/attributes.js';

test('attributes in the words of the addon', () => {
  const stat = Object.assign(new Stat(), {
    mode: 0o100644, uid: 1, gid: 2, size: 2 ** 33 + 5, nlink: 3, ino: 7, blksize: 4096, blocks: 2 ** 32 + 1, rdevMajor: 8, rdevMinor: 1,
    atime: 1, atimeNsec: 999_999_999, mtime: -1, mtimeNsec: 0, ctime: 2 ** 32, ctimeNsec: 1_000_000,
  });
  const words = new Uint32Array(STAT_WORDS).fill(0xdead);
  putStat(words, stat);
  // Half a millisecond less is a millisecond less; before 1970 there is nothing.
  expect([...words]).toEqual([0o100644, 1, 2, 5, 2, 0, 3, 7, 0x801, 4096, 1, 1, 1999, 0, 0, 0, (2 ** 32 * 1000 + 1) % 2 ** 32, 1000]);
});

test('inode numbers of the first file system stay, those of others are spread over 32 bits', () => {
  expect(shortInode(0xffffffff)).toBe(0xffffffff);
  const numbers = new Set<number>();
  for (let fs = 0; fs < 4; fs++) for (let ino = 1; ino <= 1000; ino++) numbers.add(shortInode(fs * 2 ** 40 + ino));
  expect(numbers.size).toBe(4000);
  for (const number of numbers) expect(number).toBeLessThan(2 ** 32);
});

test('a file system of more blocks than 32 bits count is told in larger blocks', () => {
  const st = Object.assign(new StatFs(), { bsize: 4096, frsize: 4096, blocks: 2 ** 33, bfree: 2 ** 32, bavail: 2 ** 31, files: 2 ** 40, ffree: 5, namelen: 242 });
  const words = new Uint32Array(STATVFS_WORDS).fill(0xdead);
  putStatFs(words, st);
  expect([...words]).toEqual([16384, 16384, 2 ** 31, 2 ** 30, 2 ** 29, 2 ** 32 - 1, 5, 5, 0, 0, 242]);
});
