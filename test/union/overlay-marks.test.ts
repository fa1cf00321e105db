// Layers as overlayfs and fuse-overlayfs write them: whiteouts are devices 0:0, opaque directories have an xattr.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AT, mknodat } from '../../src/posix/directory.js';
import { must } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import { allocate } from '../../src/posix/memory.js';
import { S } from '../../src/posix/stat.js';
import { lgetxattrat, lsetxattrat } from '../../src/posix/xattr.js';
import { DISK, type Tree, failure, isRoot, makeBranches, makeUnion, type TestUnion, unionOver, useUnions } from './helpers.js';

useUnions();

const value = allocate(16);

function device(...path: string[]): void {
  must(mknodat(AT.FDCWD, join(...path), S.IFCHR, 0, 0));
}

function setXattr(path: string, name: string, text = 'y'): void {
  const length = value.bytes.write(text);
  must(lsetxattrat(AT.FDCWD, path, name, value.address, length, 0), path);
}

function hasXattr(path: string, name: string): boolean {
  return lgetxattrat(AT.FDCWD, path, name, value.address, value.length) >= 0;
}

interface Layer {
  tree?: Tree;
  /** Paths of devices 0:0. */
  devices?: string[];
  /** Attributes of directories. */
  opaque?: Record<string, string>;
}

/** The first one is written to. */
function layered(...layers: Layer[]): TestUnion {
  const branches = makeBranches(layers.map(({ tree }, i) => [i === 0 ? 'rw' : 'ro+wh', tree ?? {}] as const), DISK);
  for (const [i, { devices, opaque }] of layers.entries()) {
    for (const name of devices ?? []) {
      mkdirSync(join(branches[i].path, name, '..'), { recursive: true });
      device(branches[i].path, name);
    }
    for (const [name, attribute] of Object.entries(opaque ?? {})) setXattr(join(branches[i].path, name), attribute);
  }
  return unionOver(branches, { overlayMarks: true });
}

describe('whiteouts of a lower layer', () => {
  const lower: Layer = { tree: { 'a': 'a', 'd/x': 'x', 'd/y': 'y', 'e/f': 'f' } };

  test('hide files and directories below, in lookups and listings', () => {
    const t = layered({}, { devices: ['a', 'd/x', 'e'] }, lower);
    expect([t.has('a'), t.has('d/x'), t.has('d/y'), t.has('e')]).toEqual([false, false, true, false]);
    expect([t.ls(), t.ls('d')]).toEqual([['d'], ['y']]);
  });

  test('hide nothing above them', () => {
    const t = layered({}, { tree: { a: 'upper', e: { dir: true } } }, { devices: ['a', 'e'] }, lower);
    expect([t.read('a'), t.ls('e'), t.ls()]).toEqual(['upper', [], ['a', 'd', 'e']]);
  });

  test('are like AUFS\'s for what is made in their place, and stay themselves', () => {
    const t = layered({}, { devices: ['a', 'd/x', 'e'] }, lower);
    t.make('a', 'new');
    t.mkdir('e');
    t.link('d/y', 'd/x');
    expect([t.read('a'), t.ls('e'), t.read('d/x')]).toEqual(['new', [], 'y']);
    expect(t.names(0)).toEqual(['a', 'd/', 'd/x', 'd/y', 'e/']);
    expect(t.lstat(1, 'a').isCharacterDevice()).toBe(true);
  });

  test('leave a directory empty that shows nothing else', () => {
    const t = layered({}, { devices: ['d/x', 'd/y'] }, lower);
    t.rmdir('d');
    expect([t.has('d'), t.names(0)]).toEqual([false, ['.wh.d']]);
  });

  test('other devices are devices', () => {
    const t = layered({}, {}, lower);
    if (isRoot) {
      t.mknod('null', S.IFCHR | 0o666, 1, 3);
      expect([t.ls(), t.stat('null').rdevMinor]).toEqual([['a', 'd', 'e', 'null'], 3]);
    }
    expect(failure(() => t.mknod('zero', S.IFCHR | 0o666, 0, 0))).toBe('EPERM');
  });

  test('are devices to a union of AUFS\'s', () => {
    const branches = makeBranches([['rw', {}], ['ro+wh', {}], ['ro', { a: 'a' }]]);
    device(branches[1].path, 'a');
    const t = unionOver(branches);
    expect([t.ls(), t.stat('a').mode & S.IFMT]).toEqual([['a'], S.IFCHR]);
  });
});

describe('whiteouts of the writable layer', () => {
  const lower: Layer = { tree: { 'a': 'a', 'b': 'b', 'c': 'c', 'd/x': 'x', 'e/f': 'f' } };
  const upper: Layer = { devices: ['a', 'b', 'c', 'd', 'e'] };

  test('become AUFS\'s where something is made in their place', () => {
    const t = layered(upper, lower);
    expect(t.ls()).toEqual([]);
    t.make('a', 'new');
    t.mkdir('d');
    t.make('file', 'file');
    t.rename('file', 'b');
    t.link('a', 'c');
    t.mkdir('dir');
    t.rename('dir', 'e');
    expect([t.read('a'), t.read('b'), t.read('c'), t.ls('d'), t.ls('e')]).toEqual(['new', 'file', 'new', [], []]);
    expect(t.names(0)).toEqual(['a', 'b', 'c', 'd/', 'd/.wh..wh..opq', 'e/', 'e/.wh..wh..opq']);
    t.unlink('a');
    expect([t.ls(), t.names(0)[0]]).toEqual([['b', 'c', 'd', 'e'], '.wh.a']);
  });

  test('stay where making it fails', () => {
    const t = layered({ ...upper, tree: { full: 'x' } }, lower);
    expect(failure(() => t.rename('nothing', 'a'))).toBe('ENOENT');
    expect([t.has('a'), t.ls()]).toEqual([false, ['full']]);
  });

  test('go with a directory that shows nothing else', () => {
    const t = layered({ devices: ['d/x'] }, lower);
    t.rmdir('d');
    expect([t.has('d'), t.names(0)]).toEqual([false, ['.wh.d']]);
  });

  test('in a directory that another takes the place of', () => {
    const t = layered({ devices: ['d/x'] }, lower);
    t.mkdir('new');
    t.make('new/n');
    t.rename('new', 'd');
    expect([t.ls('d'), t.ls()]).toEqual([['n'], ['a', 'b', 'c', 'd', 'e']]);
  });
});

describe('opaque directories', () => {
  const lower: Layer = { tree: { 'd/below': '', 'd/sub/deep': '' } };
  const attributes = ['user.overlay.opaque', 'user.fuseoverlayfs.opaque', ...(isRoot ? ['trusted.overlay.opaque'] : [])];

  test.each(attributes)('by %s', (attribute) => {
    const t = layered({}, { tree: { 'd/here': '' }, opaque: { d: attribute } }, lower);
    expect([t.ls('d'), t.has('d/below'), t.has('d/here')]).toEqual([['here'], false, true]);
    t.make('d/new');
    expect(t.ls('d')).toEqual(['here', 'new']);
  });

  test.each(attributes)('the copy of one is not opaque itself: %s', (attribute) => {
    const t = layered({}, { tree: { 'd/here': '' }, opaque: { d: attribute } }, lower);
    t.make('d/new');
    expect([hasXattr(t.on(0, 'd'), attribute), t.names(0)]).toEqual([false, ['d/', 'd/new']]);
    expect(t.ls('d')).toEqual(['here', 'new']);
  });

  test('on the writable layer; removed and made again', () => {
    const t = layered({ tree: { 'd/here': '' }, opaque: { d: 'user.overlay.opaque' } }, lower);
    expect(t.ls('d')).toEqual(['here']);
    t.unlink('d/here');
    t.rmdir('d');
    expect([t.has('d'), t.names(0)]).toEqual([false, ['.wh.d']]);
    t.mkdir('d');
    expect([t.ls('d'), t.names(0)]).toEqual([[], ['d/', 'd/.wh..wh..opq']]);
  });

  test('only `y` says so', () => {
    const t = layered({}, { tree: { 'd/here': '' } }, lower);
    setXattr(t.on(1, 'd'), 'user.overlay.opaque', 'x');
    expect(t.ls('d')).toEqual(['below', 'here', 'sub']);
  });

  test('with renamed directories (dirren), too', () => {
    const branches = makeBranches([['rw', {}], ['ro+wh', { 'd/here': '' }], ['ro+wh', { 'd/below': '' }]], DISK);
    setXattr(join(branches[1].path, 'd'), 'user.overlay.opaque');
    const t = unionOver(branches, { overlayMarks: true, dirren: true });
    t.rename('d', 'e');
    expect([t.ls(), t.ls('e')]).toEqual([['e'], ['here']]);
  });
});

test('extended attributes that overlayfs keeps for itself are nobody\'s', () => {
  const t = layered({}, { tree: { a: '' } });
  setXattr(t.on(1, 'a'), 'user.overlay.origin');
  setXattr(t.on(1, 'a'), 'user.mine');
  expect(t.listxattr('a')).toEqual(['user.mine']);
  expect(failure(() => t.getxattr('a', 'user.overlay.origin'))).toBe('ENODATA');
  expect(failure(() => t.setxattr('a', 'user.overlay.opaque', 'y'))).toBe('EPERM');
  expect(failure(() => t.union.removexattr(t.walk('a'), 'user.overlay.origin'))).toBe('ENODATA');
  const memory = allocate(64);
  expect(t.union.listxattr(t.walk('a'), memory.address, 0)).toBe('user.mine'.length + 1);
  expect(failure(() => t.union.listxattr(t.walk('a'), memory.address, 3))).toBe('ERANGE');
  t.write('a', 'copied up');
  expect([hasXattr(t.on(0, 'a'), 'user.overlay.origin'), hasXattr(t.on(0, 'a'), 'user.mine')]).toEqual([false, true]);

  const plain = makeUnion([['rw', { a: '' }]], { on: DISK });
  plain.setxattr('a', 'user.overlay.origin', '1');
  expect(plain.listxattr('a')).toEqual(['user.overlay.origin']);
  expect(plain.open('a', O.RDONLY).size).toBe(0);
});
