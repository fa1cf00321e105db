import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { removeTree } from '../../src/union/remove-tree.js';
import { showsBelow } from '../../src/union/remove.js';
import { O } from '../../src/posix/file.js';
import { failure, isRoot, makeUnion, scratch, tinyFileSystem, useUnions } from './helpers.js';

useUnions();

describe('unlink', () => {
  test('of an upper file: no whiteout where nothing comes up', () => {
    const t = makeUnion([['rw', { a: '', 'd/b': '' }], ['ro', { d: null }]]);
    t.unlink('a');
    t.unlink('d/b');
    expect(t.names(0)).toEqual(['d/']);
    expect(t.told()).toEqual(['unlink /a', 'unlink /d/b']);
  });

  test('of a lower file: a whiteout, and the branch below untouched', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/e/a': 'A' }]]);
    t.unlink('d/e/a');
    expect(t.names(0)).toEqual(['d/', 'd/e/', 'd/e/.wh.a']);
    expect(t.text(1, 'd/e/a')).toBe('A');
    expect(t.has('d/e/a')).toBe(false);
    expect(t.ls('d/e')).toEqual([]);
    expect(t.told()).toEqual(['copy-up /d', 'copy-up /d/e', 'whiteout /d/e/a', 'unlink /d/e/a']);
  });

  test('of a file on both: both', () => {
    const t = makeUnion([['rw', { a: 'top' }], ['ro', { a: 'low' }]]);
    t.unlink('a');
    expect(t.names(0)).toEqual(['.wh.a']);
    expect(t.has('a')).toBe(false);
  });

  test('a whiteout already below makes one above needless', () => {
    const t = makeUnion([['rw', { a: '' }], ['ro+wh', { '.wh.a': '' }], ['ro', { a: 'low' }]]);
    t.unlink('a');
    expect(t.names(0)).toEqual([]);
    expect(t.ls()).toEqual([]);
  });

  test('what an opaque directory hides needs no whiteout', () => {
    const t = makeUnion([['rw', { 'd/.wh..wh..opq': '', 'd/a': '' }], ['ro', { 'd/a': '' }]]);
    t.unlink('d/a');
    expect(t.names(0)).toEqual(['d/', 'd/.wh..wh..opq']);
  });

  test('on a lower writable branch: gone there, hidden from below there', () => {
    const t = makeUnion([['rw'], ['rw', { a: 'middle', b: 'middle' }], ['ro', { b: 'low' }]]);
    t.unlink('a');
    t.unlink('b');
    expect([t.names(0), t.names(1)]).toEqual([[], ['.wh.b']]);
    expect(t.ls()).toEqual([]);
  });

  test('of symlinks and fifos; never what a link points to', () => {
    const t = makeUnion([['rw', { l: { to: 'd' }, d: null }], ['ro', { m: { to: 'd' }, p: { fifo: true } }]]);
    for (const name of ['l', 'm', 'p']) t.unlink(name);
    expect(t.ls()).toEqual(['d']);
  });

  test('errors', () => {
    const t = makeUnion([['rw', { d: null }], ['ro', { e: null }]]);
    expect(failure(() => t.unlink('none'))).toBe('ENOENT');
    expect(failure(() => t.unlink('d'))).toBe('EISDIR');
    expect(failure(() => t.unlink('e'))).toBe('EISDIR');
    const readonly = makeUnion([['ro', { a: '' }]]);
    expect(failure(() => readonly.unlink('a'))).toBe('EROFS');
    expect(failure(() => makeUnion([['ro', { a: '' }], ['rw']]).unlink('a'))).toBe('EROFS');
  });

  test('an open file goes on: attributes, reading, writing, chmod', () => {
    const t = makeUnion([['rw', { a: 'text' }]]);
    const handle = t.open('a', O.RDWR);
    const { node } = handle;
    t.unlink('a');
    expect(t.readFrom(handle)).toBe('text');
    t.writeTo(handle, 'T');
    t.set(node, { mode: 0o600, mtime: 5 });
    const st = t.statNode(node);
    expect([st.mode & 0o777, st.mtime, st.size, st.nlink, st.ino]).toEqual([0o600, 5, 4, 0, node.ino]);
    expect(t.readFrom(t.openNode(node, O.RDWR))).toBe('Text');
    expect(failure(() => t.linkNode(node, 'b'))).toBe('ENOENT');
  });

  test('a file removed and made again are two nodes', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'old' }]]);
    const old = t.open('a');
    t.unlink('a');
    t.make('a', 'new');
    expect([t.readFrom(old), t.read('a')]).toEqual(['old', 'new']);
    expect(t.ino('a')).not.toBe(old.node.ino);
  });

  test('one of several names: the file stays, with one name less', () => {
    const t = makeUnion([['rw', { a: 'text', b: { same: 'a' } }]]);
    const node = t.walk('a');
    expect(t.walk('b')).toBe(node);
    t.unlink('a');
    expect([t.stat('b').nlink, t.read('b'), node.removed, node.anchor]).toEqual([1, 'text', false, -1]);
    t.unlink('b');
    expect(t.statNode(node).nlink).toBe(0);
  });

  test('one of several names, the others not met yet', () => {
    const t = makeUnion([['rw', { a: 'text', b: { same: 'a' } }]]);
    const node = t.walk('a');
    t.unlink('a');
    expect(t.statNode(node).nlink).toBe(1);
    expect(t.walk('b')).toBe(node);
    t.chmod('b', 0o600);
    expect(t.lstat(0, 'b').mode & 0o777).toBe(0o600);
  });

  test('after unlink of one name and copy-up under another, the removed file is the copy', () => {
    for (const plink of [true, false]) {
      const t = makeUnion([['rw'], ['ro', { a: 'text', b: { same: 'a' } }]], { plink });
      const handle = t.open('a', O.RDWR);
      t.unlink('a');
      expect(t.walk('b')).toBe(handle.node);
      t.chmod('b', 0o600);
      t.unlink('b');
      t.writeTo(handle, 'TEXT');
      const st = t.statNode(handle.node);
      expect([plink, st.mode & 0o777, t.readFrom(handle)]).toEqual([plink, 0o600, 'TEXT']);
      expect(t.text(1, 'a')).toBe('text');
    }
  });

  test.skipIf(!isRoot)('that fails changes nothing, also for what comes later', () => {
    const t = makeUnion([['rw', { '1': '', '2': '', '3': '' }, tinyFileSystem('nr_inodes=7')], ['ro', { a: 'text' }]]);
    const { node } = t.open('a');
    expect(failure(() => t.unlink('a'))).toBe('ENOSPC');
    expect([t.ls(), node.removed]).toEqual([['1', '2', '3', 'a'], false]);
    t.unlink('1');
    t.unlink('2');
    t.unlink('3');
    // Their inodes are free only when nobody knows them any more.
    t.forgetAll();
    t.chmod('a', 0o600);
    t.unlink('a');
    expect(t.statNode(node).mode & 0o777).toBe(0o600);
    expect(t.readFrom(t.openNode(node))).toBe('text');
  });
});

describe('rmdir', () => {
  test('of an upper directory', () => {
    const t = makeUnion([['rw', { d: null }], ['ro']]);
    t.rmdir('d');
    expect(t.names(0)).toEqual([]);
    expect(t.told()).toEqual(['rmdir /d']);
  });

  test('of a lower or merged one: a whiteout', () => {
    const t = makeUnion([['rw', { d: null }], ['ro', { d: null, e: null }]]);
    t.rmdir('d');
    t.rmdir('e');
    expect(t.names(0)).toEqual(['.wh.d', '.wh.e']);
    expect(t.ls()).toEqual([]);
  });

  test('of one that is full of whiteouts', () => {
    const tree: Record<string, string> = {};
    for (let i = 0; i < 50; i++) tree[`d/${String(i)}`] = '';
    const t = makeUnion([['rw'], ['ro', tree]]);
    expect(failure(() => t.rmdir('d'))).toBe('ENOTEMPTY');
    for (const name of t.ls('d')) t.unlink(`d/${name}`);
    expect(t.names(0).length).toBe(51);
    t.rmdir('d');
    expect(t.names(0)).toEqual(['.wh.d']);
  });

  test('of one that holds an opaque mark, or what stands beside its whiteout', () => {
    const t = makeUnion([['rw', { 'd/.wh..wh..opq': '', 'e/.wh.x': '', 'e/x/y/z': '' }], ['ro', { 'd/a': '' }]]);
    t.rmdir('d');
    t.rmdir('e');
    expect(t.names(0)).toEqual(['.wh.d']);
  });

  test('errors', () => {
    const t = makeUnion([['rw', { a: '', 'd/x': '' }], ['ro', { 'e/x': '', l: { to: 'd' } }]]);
    expect(failure(() => t.rmdir('a'))).toBe('ENOTDIR');
    expect(failure(() => t.rmdir('l'))).toBe('ENOTDIR');
    expect(failure(() => t.rmdir('d'))).toBe('ENOTEMPTY');
    expect(failure(() => t.rmdir('e'))).toBe('ENOTEMPTY');
    expect(failure(() => t.rmdir('none'))).toBe('ENOENT');
    expect(failure(() => makeUnion([['ro', { d: null }]]).rmdir('d'))).toBe('EROFS');
    expect(t.names(0)).toEqual(['a', 'd/', 'd/x']);
  });

  test('a whiteout on a ro branch without +wh does not make it empty', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/.wh.a': '' }], ['ro', { 'd/a': '' }]]);
    expect(failure(() => t.rmdir('d'))).toBe('ENOTEMPTY');
  });

  test('a working directory in it sees an empty directory', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/e': null }]]);
    const d = t.walk('d');
    const handle = t.opendir('d');
    t.rmdir('d/e');
    t.rmdir('d');
    expect(t.statNode(d).mode & 0o170000).toBe(0o040000);
    const names: string[] = [];
    t.union.readdir(handle, 0, (name) => names.push(name) > 0);
    expect(names).toEqual(['.', '..']);
    expect(t.union.lookup(d, 'e', t.statNode(t.root))).toBeNull();
  });

  test('removed and made again are two nodes', () => {
    const t = makeUnion([['rw'], ['ro', { d: null }]]);
    const d = t.walk('d');
    t.rmdir('d');
    expect(t.mkdir('d')).not.toBe(d);
    expect(d.removed).toBe(true);
  });
});

test('showsBelow', () => {
  const t = makeUnion([['rw', { a: '', b: '', c: '' }], ['ro+wh', { '.wh.b': '', c: '' }], ['ro', { a: '', b: '' }]]);
  const [top, middle] = t.u.branches;
  const shows = (name: string, index: number): boolean => showsBelow(t.u, t.root, name, t.u.branches[index]);
  expect([shows('a', 0), shows('b', 0), shows('c', 0), shows('d', 0)]).toEqual([true, false, true, false]);
  expect([shows('a', 1), shows('b', 1), shows('c', 1), shows('a', 2)]).toEqual([true, true, false, false]);
  expect([top.index, middle.index]).toEqual([0, 1]);
});

test('removeTree takes all, follows nothing, and minds no absence', () => {
  const outside = scratch();
  writeFileSync(`${outside}/precious`, '');
  const t = makeUnion([['rw', { 'd/e/f/a': '', 'd/l': { to: outside }, 'd/e/l': { to: '../..' }, l: { to: outside } }]]);
  const { root } = t.u.branches[0];
  removeTree(root, 'd');
  removeTree(root, 'l');
  removeTree(root, 'none');
  expect(t.names(0)).toEqual([]);
  rmSync(`${outside}/precious`);
});
