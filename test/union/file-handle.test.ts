import { linkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FALLOC, O, SEEK } from '../../src/posix/file.js';
import { HandleTable } from '../../src/union/file-handle.js';
import { DISK, failure, isRoot, makeUnion, tinyFileSystem, useUnions } from './helpers.js';

useUnions();

test('HandleTable gives numbers from 1 on, and gives them again', () => {
  const table = new HandleTable<{ id: number }>();
  const [a, b] = [table.add((id) => ({ id })), table.add((id) => ({ id }))];
  expect([a.id, b.id, table.count]).toEqual([1, 2, 2]);
  table.remove(1);
  table.remove(1);
  table.remove(99);
  expect([table.get(1), table.count, [...table.all()]]).toEqual([undefined, 1, [b]]);
  expect(table.add((id) => ({ id })).id).toBe(1);
  expect(table.add((id) => ({ id })).id).toBe(3);
});

describe('open', () => {
  test('counts on node and branch, until released', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]]);
    const handle = t.open('a');
    expect([handle.node.handles, t.u.branches[1].opens, t.u.files.count]).toEqual([1, 1, 1]);
    expect(t.union.fileHandle(handle.id)).toBe(handle);
    t.release(handle);
    expect([handle.node.handles, t.u.branches[1].opens, t.u.files.count]).toEqual([0, 0, 0]);
    expect(t.union.fileHandle(handle.id)).toBeUndefined();
  });

  test('keeps a node that the kernel has forgotten', () => {
    const t = makeUnion([['rw', { 'd/a': 'A' }]]);
    const handle = t.open('d/a');
    t.forgetAll();
    expect(t.readFrom(handle)).toBe('A');
    t.release(handle);
    expect(t.union.nodes.size).toBe(1);
  });

  test('with O_TRUNC empties an upper file, and copies an empty one up', () => {
    const t = makeUnion([['rw', { a: 'AAA' }], ['ro', { b: { text: 'BBB', mode: 0o640 } }]]);
    for (const path of ['a', 'b']) {
      const handle = t.open(path, O.RDWR | O.TRUNC);
      expect(t.readFrom(handle)).toBe('');
      t.writeTo(handle, 'x');
    }
    expect([t.text(0, 'a'), t.text(0, 'b'), t.lstat(0, 'b').mode & 0o777, t.text(1, 'b')]).toEqual(['x', 'x', 0o640, 'BBB']);
  });

  test('EROFS for writing where nothing takes a copy, at once', () => {
    const t = makeUnion([['ro', { a: '' }], ['rw', { b: '' }]]);
    expect(failure(() => t.open('a', O.RDWR))).toBe('EROFS');
    expect(failure(() => t.open('a', O.WRONLY))).toBe('EROFS');
    expect(failure(() => t.open('a', O.TRUNC))).toBe('EROFS');
    expect(failure(() => t.open('a'))).toBe('success');
    expect(failure(() => t.open('b', O.RDWR))).toBe('success');
  });

  test('a file that was removed directly, or replaced by a symlink, is ESTALE', () => {
    const t = makeUnion([['rw', { a: 'A', b: 'B' }]]);
    const [a, b] = [t.walk('a'), t.walk('b')];
    rmSync(t.on(0, 'a'));
    rmSync(t.on(0, 'b'));
    symlinkSync('/etc/passwd', t.on(0, 'b'));
    expect([failure(() => t.openNode(a)), failure(() => t.openNode(b))]).toEqual(['ESTALE', 'ESTALE']);
    expect([a.handles, t.u.branches[0].opens]).toEqual([0, 0]);
  });

  test('keepCache: while only this mount changes the file', () => {
    const t = makeUnion([['rw', { a: 'A' }], ['ro', { b: 'B' }]]);
    const keep = (path: string, flags: number = O.RDONLY): boolean => {
      const handle = t.open(path, flags);
      const { keepCache } = handle;
      t.release(handle);
      return keepCache;
    };
    expect([keep('a'), keep('a')]).toEqual([false, true]);
    t.write('a', 'new');
    expect(keep('a')).toBe(true);
    writeFileSync(t.on(0, 'a'), 'changed directly');
    expect([keep('a'), keep('a')]).toEqual([false, true]);
    expect([keep('b'), keep('b')]).toEqual([false, true]);
  });
});

describe('read and write', () => {
  test('at offsets, past the end, over holes', () => {
    const t = makeUnion([['rw']]);
    const handle = t.create('a');
    expect(t.writeTo(handle, 'abc', 5)).toBe(3);
    expect(t.readFrom(handle)).toBe('\0\0\0\0\0abc');
    expect([t.readFrom(handle, 6, 1), t.readFrom(handle, 100)]).toEqual(['b', '']);
  });

  test('O_APPEND is the kernel\'s matter: the offset counts', () => {
    const t = makeUnion([['rw', { a: 'abc' }]]);
    t.writeTo(t.open('a', O.WRONLY | O.APPEND), 'X', 1);
    expect(t.text(0, 'a')).toBe('aXc');
  });

  test('EBADF for a handle that was not opened for it', () => {
    const t = makeUnion([['rw', { a: 'A' }], ['ro', { b: 'B' }]]);
    expect(failure(() => t.writeTo(t.open('a'), 'x'))).toBe('EBADF');
    expect(failure(() => t.writeTo(t.open('b'), 'x'))).toBe('EBADF');
    expect(failure(() => t.readFrom(t.open('a', O.WRONLY)))).toBe('EBADF');
    expect(t.names(0)).toEqual(['a']);
  });

  test('a reader that was there before sees what a later writer wrote', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]]);
    const [one, two] = [t.open('a'), t.open('a')];
    expect(t.readFrom(one)).toBe('low');
    t.write('a', 'new');
    expect([t.readFrom(one), t.readFrom(two)]).toEqual(['new', 'new']);
    expect([one.branch.index, t.u.branches[0].opens, t.u.branches[1].opens]).toEqual([0, 2, 0]);
  });

  test('the attributes by a handle opened before the copy-up', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]]);
    const handle = t.open('a');
    t.write('a', 'longer');
    expect([t.statNode(handle.node, handle).size, t.statNode(handle.node, handle).ino]).toEqual([6, handle.node.ino]);
  });

  test('set-id bits go when the kernel says so', () => {
    const t = makeUnion([['rw', { a: { text: '', mode: 0o6755 } }]]);
    const handle = t.open('a', O.WRONLY);
    t.writeTo(handle, 'x', 0, false);
    expect(t.stat('a').mode & 0o7777).toBe(0o6755);
    t.writeTo(handle, 'x', 0, true);
    expect(t.stat('a').mode & 0o7777).toBe(0o755);
  });

  test.skipIf(!isRoot)('ENOSPC, and what fitted', () => {
    const t = makeUnion([['rw', {}, tinyFileSystem('size=16k')]]);
    const handle = t.create('a');
    const fitted = t.writeTo(handle, 'x'.repeat(100_000));
    expect(fitted).toBeGreaterThan(0);
    expect(fitted).toBeLessThan(20_000);
    expect(failure(() => t.writeTo(handle, 'x'.repeat(8192), fitted))).toBe('ENOSPC');
  });
});

describe('the others', () => {
  test('fsync: also of a file on a branch that takes no writes', () => {
    const t = makeUnion([['rw', { a: '' }], ['ro', { b: '' }]]);
    for (const path of ['a', 'b']) {
      for (const datasync of [true, false]) t.union.fsync(t.open(path, O.RDWR), datasync);
    }
    expect(t.names(0)).toEqual(['a']);
  });

  test('fallocate copies up', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]]);
    const handle = t.open('a', O.RDWR);
    t.union.fallocate(handle, 0, 0, 10_000);
    expect([t.lstat(0, 'a').size, t.lstat(1, 'a').size]).toEqual([10_000, 1]);
    t.union.fallocate(handle, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 0, 4096);
    expect(t.readFrom(handle, 0, 1)).toBe('\0');
    expect(failure(() => t.union.fallocate(t.open('a'), 0, 0, 1))).toBe('EBADF');
    expect(failure(() => t.union.fallocate(handle, 0, 0, 0))).toBe('EINVAL');
  });

  test('lseek finds data and holes', () => {
    const t = makeUnion([['rw']]);
    const handle = t.create('a');
    t.writeTo(handle, 'x', 1 << 20);
    expect(t.union.lseek(handle, 0, SEEK.DATA)).toBe(1 << 20);
    expect(t.union.lseek(handle, 0, SEEK.HOLE)).toBe(0);
    expect(failure(() => t.union.lseek(handle, 2 << 20, SEEK.DATA))).toBe('ENXIO');
  });

  test('copyFileRange copies the target up, not the source', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'source', b: 'target' }]], { on: DISK });
    const [input, output] = [t.open('a'), t.open('b', O.RDWR)];
    expect(t.union.copyFileRange(input, 0, output, 3, 3)).toBe(3);
    expect([t.read('b'), t.names(0)]).toEqual(['tarsou', ['b']]);
    expect(failure(() => t.union.copyFileRange(output, 0, input, 0, 1))).toBe('EBADF');
  });

  test('a hard link made directly on the branch is the same open file', () => {
    const t = makeUnion([['rw', { a: 'A' }]]);
    const handle = t.open('a', O.RDWR);
    linkSync(t.on(0, 'a'), t.on(0, 'b'));
    expect(t.walk('b')).toBe(handle.node);
    t.writeTo(handle, 'B');
    expect(t.read('b')).toBe('B');
  });
});
