import { fstatSync, openSync, unlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KnownInodes } from '../../src/union/known-inodes.js';

/** A table as the union opens it: a file without a name. */
function table(): number {
  const path = `/dev/shm/tsaufs-known-inodes-${String(process.pid)}`;
  const fd = openSync(path, 'wx+');
  unlinkSync(path);
  return fd;
}

test('few numbers stay in memory and no file is made', () => {
  const known = new KnownInodes(() => {
    throw new Error('a file was made');
  });
  expect(known.size).toBe(0);
  for (let ino = 1; ino <= 1000; ino++) known.set(ino, ino / 2, ino + 10_000);
  expect([known.get(7, 3.5), known.get(7, 0), known.get(7, 4), known.get(7, 3.5)]).toEqual([10_007, 10_007, undefined, undefined]);
});

test('a million numbers are kept on disk, at bounded memory, and found again', () => {
  let fd = -1;
  const known = new KnownInodes(() => (fd = table()));
  const count = 1_000_000;
  for (let ino = 1; ino <= count; ino++) known.set(ino, 5, 2 ** 50 + ino);
  expect(fstatSync(fd).size).toBeGreaterThan(10_000_000);
  for (const ino of [1, 65_536, 65_537, 777_777, count]) expect(known.get(ino, 5)).toBe(2 ** 50 + ino);
  expect(known.get(count + 1, 0)).toBeUndefined();
  known.delete(777_777);
  expect(known.get(777_777, 0)).toBeUndefined();
  expect(known.get(3, 6)).toBeUndefined();
  expect(known.get(3, 5)).toBeUndefined();
  known.close();
  expect(() => fstatSync(fd)).toThrow('EBADF');
});

test('large inode numbers leave a file of holes', () => {
  let fd = -1;
  const known = new KnownInodes(() => (fd = table()));
  for (let i = 0; i <= 65_536; i++) known.set(2 ** 38 + i, 1, 2 ** 52 + i);
  expect(known.get(2 ** 38 + 9, 1)).toBe(2 ** 52 + 9);
  expect(fstatSync(fd).size).toBeGreaterThan(2 ** 41);
  expect(fstatSync(fd).blocks * 512).toBeLessThan(4_000_000);
  known.close();
});

test('with noxino nothing is remembered', () => {
  const known = new KnownInodes(null);
  known.set(5, 1, 99);
  expect([known.get(5, 1), known.size]).toEqual([undefined, 0]);
});
