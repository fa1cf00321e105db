import { mkdirSync, readdirSync, renameSync, rmSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { S } from '../../src/posix/stat.js';
import { sameLayers } from '../../src/union/lookup.js';
import { DISK, MEMORY, failure, makeUnion, scratch, takeInode, useUnions } from './helpers.js';

useUnions();

test('the highest branch is seen', () => {
  const t = makeUnion([['rw', { a: '0', b: '0' }], ['ro', { b: '1', c: '1' }], ['ro', { a: '2', b: '2', c: '2', d: '2' }]]);
  expect(['a', 'b', 'c', 'd'].map((name) => t.read(name))).toEqual(['0', '0', '1', '2']);
  expect(['a', 'b', 'c', 'd'].map((name) => t.walk(name).top.index)).toEqual([0, 0, 1, 2]);
});

test('a name that is nowhere is null, and leaves no node', () => {
  const t = makeUnion([['rw'], ['ro']]);
  expect(t.look('a')).toBeNull();
  expect(t.union.nodes.size).toBe(1);
});

test('directories are merged over all branches that have them', () => {
  const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { x: '' }], ['ro', { 'd/b': '' }]]);
  expect(t.walk('d').layers.map((branch) => branch.index)).toEqual([0, 2]);
  expect(t.ls('d')).toEqual(['a', 'b']);
});

test('a whiteout between directories ends the merge', () => {
  const t = makeUnion([['rw', { 'd/a': '' }], ['ro+wh', { '.wh.d': '' }], ['ro', { 'd/b': '' }]]);
  const d = t.walk('d');
  expect(d.layers.map((branch) => branch.index)).toEqual([0]);
  expect(d.limit).toBe(0);
});

test('an opaque mark ends the merge below itself', () => {
  const t = makeUnion([['rw', { 'd/a': '' }], ['ro+wh', { 'd/.wh..wh..opq': '', 'd/b': '' }], ['ro', { 'd/c': '' }]]);
  const d = t.walk('d');
  expect(d.layers.map((branch) => branch.index)).toEqual([0, 1]);
  expect(d.limit).toBe(1);
});

test('a file over a directory is the file; a file below a directory is passed over', () => {
  const t = makeUnion([['rw', { a: 'file', b: null }], ['ro', { 'a/x': '', b: 'file' }], ['ro', { 'b/y': '' }]]);
  expect(t.walk('a').type).toBe(S.IFREG);
  expect(t.walk('b').layers.map((branch) => branch.index)).toEqual([0, 2]);
  expect(t.ls('b')).toEqual(['y']);
});

test('the same name gives the same node, whose attributes are the union\'s', () => {
  const t = makeUnion([['rw'], ['ro', { a: { text: 'abc', mode: 0o640, mtime: 1_000_000 }, d: null }]]);
  const node = t.walk('a');
  expect(t.walk('a')).toBe(node);
  const st = t.stat('a');
  expect([st.ino, st.mode, st.size, st.mtime, st.nlink]).toEqual([node.ino, S.IFREG | 0o640, 3, 1_000_000, 1]);
});

test('hard links on a branch are one node', () => {
  const t = makeUnion([['rw'], ['ro', { a: 'x', 'd/b': { same: 'a' } }]]);
  const node = t.walk('a');
  expect(t.walk('d/b')).toBe(node);
  expect(node.hasName(t.walk('d'), 'b')).toBe(true);
  expect(t.stat('d/b').nlink).toBe(2);
});

test('files of one number on two file systems are two nodes', () => {
  const t = makeUnion([['rw'], ['ro', { a: '' }, scratch(MEMORY)], ['ro', { b: '' }, scratch(DISK)]]);
  expect(t.u.branches[2].home.index).toBe(1);
  expect(t.ino('b') - t.lstat(2, 'b').ino).toBe(2 ** 40);
  expect(t.ino('a')).toBe(t.lstat(1, 'a').ino);
});

describe('a branch changed behind the union', () => {
  test('what was removed directly is null at the next lookup, ESTALE by its node', () => {
    const t = makeUnion([['rw', { a: 'A' }]]);
    const node = t.walk('a');
    rmSync(t.on(0, 'a'));
    expect(t.look('a')).toBeNull();
    expect(failure(() => t.statNode(node))).toBe('ESTALE');
    expect(failure(() => t.openNode(node))).toBe('ESTALE');
  });

  test('what was removed directly lets the lower file through', () => {
    const t = makeUnion([['rw', { a: 'top' }], ['ro', { a: 'low' }]]);
    t.walk('a');
    rmSync(t.on(0, 'a'));
    expect(t.read('a')).toBe('low');
  });

  test('what was made directly is found', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]]);
    const before = t.walk('a');
    writeFileSync(t.on(0, 'a'), 'top');
    expect(t.walk('a')).not.toBe(before);
    expect(t.read('a')).toBe('top');
  });

  test('a file renamed directly on its branch is found by its new name', () => {
    const t = makeUnion([['rw', { a: 'A' }]]);
    const node = t.walk('a');
    renameSync(t.on(0, 'a'), t.on(0, 'b'));
    expect(t.look('a')).toBeNull();
    expect(t.walk('b')).toBe(node);
    expect(t.stat('b').size).toBe(1);
    expect(t.read('b')).toBe('A');
    t.chmod('b', 0o600);
    t.unlink('b');
    expect(t.names(0)).toEqual([]);
  });

  test('a directory renamed directly on its branch is found by its new name', () => {
    const t = makeUnion([['rw', { 'd/a': 'A', 'e': null }]]);
    const node = t.walk('d');
    t.walk('d/a');
    renameSync(t.on(0, 'd'), t.on(0, 'e/f'));
    expect(t.walk('e/f')).toBe(node);
    expect(t.read('e/f/a')).toBe('A');
    expect(t.look('d')).toBeNull();
  });

  test('a file replaced by a directory of the same name is another node', () => {
    const t = makeUnion([['rw', { a: 'A' }]]);
    const node = t.walk('a');
    unlinkSync(t.on(0, 'a'));
    mkdirSync(t.on(0, 'a'));
    expect(t.walk('a')).not.toBe(node);
    expect(t.ls('a')).toEqual([]);
  });

  test('a new file with the inode number of a removed one (ext4 gives it out again)', (context) => {
    const t = makeUnion([['rw', { a: 'AAA' }]], { on: DISK });
    t.walk('a');
    const { ino } = t.lstat(0, 'a');
    unlinkSync(t.on(0, 'a'));
    if (!takeInode(t.on(0, 'b'), ino, 'B')) context.skip('another process took the number');
    t.walk('b');
    expect(t.stat('b').size).toBe(1);
    expect(t.read('b')).toBe('B');
  });

  test('a directory made on the upper branch is merged at the next lookup', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': '' }]]);
    t.walk('d');
    mkdirSync(t.on(0, 'd'));
    writeFileSync(t.on(0, 'd/b'), '');
    expect(t.ls('d')).toEqual(['a', 'b']);
  });

  test('a symlink planted in place of a directory is never followed', () => {
    const outside = scratch();
    writeFileSync(`${outside}/secret`, 'secret');
    const t = makeUnion([['rw', { d: null }]]);
    const d = t.walk('d');
    rmdirSync(t.on(0, 'd'));
    symlinkSync(outside, t.on(0, 'd'));
    expect(failure(() => t.union.lookup(d, 'secret', t.statNode(t.root)))).toBe('ESTALE');
    const handle = t.union.opendir(d);
    expect(failure(() => t.union.readdir(handle, 0, () => true))).toBe('ESTALE');
    t.union.releasedir(handle);
    expect(t.walk('d').type).toBe(S.IFLNK);
    expect(t.readlink('d')).toBe(outside);
  });

  test('a symlink planted on the way to a copy-up is never followed', () => {
    const outside = scratch();
    const t = makeUnion([['rw', { d: null }], ['ro', { 'd/e/a': 'A' }]]);
    const a = t.walk('d/e/a');
    symlinkSync(outside, t.on(0, 'd/e'));
    expect(failure(() => t.set(a, { mode: 0o600 }))).toBe('EIO');
    expect(t.names(0)).toEqual(['d/', 'd/e@']);
    expect(readdirSync(outside)).toEqual([]);
  });
});

test('sameLayers', () => {
  const t = makeUnion([['rw'], ['ro']]);
  const [a, b] = t.u.branches;
  expect(sameLayers([a, b], [a, b])).toBe(true);
  expect(sameLayers([a, b], [b, a])).toBe(false);
  expect(sameLayers([a], [a, b])).toBe(false);
});
