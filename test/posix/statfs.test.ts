import { statfsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { FS_MAGIC, fstatfs, StatFs } from '../../src/posix/statfs.js';
import { onEachFileSystem } from './scratch.js';

onEachFileSystem('statfs', (scratch) => {
  test('agrees with Node.js, for O_PATH descriptors too', () => {
    const out = new StatFs();
    const path = openat(scratch.fd, '.', O.PATH, 0);
    for (const fd of [scratch.fd, path]) {
      expect(fstatfs(fd, out)).toBe(0);
      const { type, bsize, blocks, files } = statfsSync(scratch.path);
      expect(out).toMatchObject({ type, bsize, blocks, files, namelen: 255, frsize: bsize });
      expect(out.bavail).toBeLessThanOrEqual(out.bfree);
      expect(out.bfree).toBeLessThanOrEqual(out.blocks);
      expect(out.ffree).toBeLessThanOrEqual(out.files);
    }
    close(path);
  });
});

test('the kind of a file system', () => {
  const out = new StatFs();
  for (const [path, magic] of [['/dev/shm', FS_MAGIC.TMPFS], ['/proc', FS_MAGIC.PROC], ['/sys', FS_MAGIC.SYSFS]] as const) {
    const fd = openat(-100, path, O.PATH, 0);
    expect(fstatfs(fd, out)).toBe(0);
    close(fd);
    expect([path, out.type]).toEqual([path, magic]);
  }
});

test('no descriptor', () => {
  expect(fstatfs(12345, new StatFs())).toBe(-E.EBADF);
});
