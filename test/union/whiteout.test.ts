import { linkSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { linkat } from '../../src/posix/directory.js';
import { E } from '../../src/posix/errno.js';
import { MS, mount } from '../../src/posix/mount.js';
import { UnionError } from '../../src/union/branch.js';
import { DISK, failure, isRoot, makeBranches, makeUnion, scratch, tinyFileSystem, unionOver, useUnions } from './helpers.js';

useUnions();

describe('base entries', () => {
  test('are made on writable branches only', () => {
    const t = makeUnion([['rw'], ['rw+nolwh'], ['ro'], ['ro+wh']]);
    const all = ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk'];
    expect(readdirSync(t.branch(0)).sort()).toEqual(all);
    expect(readdirSync(t.branch(1)).sort()).toEqual(all.slice(1));
    expect(readdirSync(t.branch(2))).toEqual([]);
    expect(readdirSync(t.branch(3))).toEqual([]);
    expect(t.lstat(0, '.wh..wh.aufs').mode).toBe(0o100444);
    expect(t.lstat(0, '.wh..wh.orph').mode).toBe(0o40700);
    expect(t.lstat(0, '.wh..wh.plnk').mode).toBe(0o40700);
  });

  test('are no business of the users', () => {
    expect(makeUnion([['rw'], ['ro']]).ls()).toEqual([]);
  });

  test('no pseudo-link directory with noplink, none at all in a read-only union', () => {
    expect(readdirSync(makeUnion([['rw']], { plink: false }).branch(0)).sort()).toEqual(['.wh..wh.aufs', '.wh..wh.orph']);
    expect(readdirSync(makeUnion([['rw']], { readonly: true }).branch(0))).toEqual([]);
  });

  test('those of an earlier mount are used; orphans that a crash left are removed', () => {
    const branches = makeBranches([['rw', {
      '.wh..wh.aufs': { text: '', mode: 0o444 }, '.wh..wh.orph/.wh..wh.1.2': 'left', '.wh..wh.orph/dir/deep/file': 'left',
    }]]);
    const before = lstatSync(join(branches[0].path, '.wh..wh.aufs')).ino;
    const t = unionOver(branches);
    expect(t.lstat(0, '.wh..wh.aufs').ino).toBe(before);
    expect(t.leftovers(0)).toEqual([]);
  });

  test('orphans are removed without following a symlink', () => {
    const home = scratch();
    writeFileSync(join(home, 'precious'), '');
    const t = makeUnion([['rw', { '.wh..wh.orph/out': { to: home }, '.wh..wh.orph/d/out': { to: home } }]]);
    expect(t.leftovers(0)).toEqual([]);
    expect(readdirSync(home)).toEqual(['precious']);
  });

  test('something else in the place of the base file or directories', () => {
    const [file] = makeBranches([['rw', { '.wh..wh.aufs': null }]]);
    expect(() => unionOver([file])).toThrow(
      new UnionError(`${file.path}/.wh..wh.aufs is not a regular file; remove it`));
    const [directory] = makeBranches([['rw', { '.wh..wh.orph': { to: '/' } }]]);
    expect(() => unionOver([directory])).toThrow(UnionError);
  });

  test.skipIf(!isRoot)('a read-only file system asked to be rw', () => {
    const path = tinyFileSystem('size=64k');
    mount(null, path, null, MS.REMOUNT | MS.RDONLY, null);
    expect(() => unionOver(makeBranches([['rw', {}, path]]))).toThrow(
      new UnionError(`branch ${path} is on a read-only file system; give it as ${path}=ro`));
  });
});

describe('whiteouts', () => {
  test('are hard links of the base file, empty, mode 0444', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A', b: 'B', d: null }]]);
    t.unlink('a');
    t.unlink('b');
    t.rmdir('d');
    expect(t.names(0)).toEqual(['.wh.a', '.wh.b', '.wh.d']);
    for (const name of t.names(0)) {
      const st = t.lstat(0, name);
      expect([st.ino, st.size, st.mode, st.nlink]).toEqual([t.lstat(0, '.wh..wh.aufs').ino, 0, 0o100444, 4]);
    }
  });

  test('are files of their own with nolwh', () => {
    const t = makeUnion([['rw+nolwh'], ['ro', { a: 'A', b: 'B' }]]);
    t.u.caller.umask = 0o777;
    t.unlink('a');
    t.unlink('b');
    for (const name of ['.wh.a', '.wh.b']) {
      const st = t.lstat(0, name);
      expect([st.size, st.mode, st.nlink]).toEqual([0, 0o100444, 1]);
    }
  });

  test('are made even when the base file was removed directly', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]]);
    rmSync(t.on(0, '.wh..wh.aufs'));
    t.unlink('a');
    expect([t.lstat(0, '.wh.a').mode, t.lstat(0, '.wh.a').nlink]).toEqual([0o100444, 1]);
    expect(t.has('a')).toBe(false);
  });

  test('one that is there already is no error', () => {
    const t = makeUnion([['rw', { d: null }], ['ro', { 'd/a': 'A' }]]);
    const d = t.walk('d');
    const a = t.walk('d/a');
    writeFileSync(t.on(0, 'd/.wh.a'), '');
    // The kernel still believes in the name: to it the file is gone now.
    expect(failure(() => t.union.unlink(d, 'a'))).toBe('ENOENT');
    expect(t.names(0)).toEqual(['d/', 'd/.wh.a']);
    expect(a.type).toBe(0o100000);
  });

  test('a whiteout of a whiteout means nothing', () => {
    const t = makeUnion([['rw', { '.wh..wh.a': '' }], ['ro+wh', { '.wh.a': '' }], ['ro', { a: 'A' }]]);
    expect(t.has('a')).toBe(false);
    expect(t.ls()).toEqual([]);
  });

  test('a name beside its own whiteout is not seen', () => {
    const t = makeUnion([['rw', { '.wh.a': '', a: 'beside', '.wh.d': '', 'd/x': 'beside' }], ['ro', { a: 'A', 'd/y': 'Y' }]]);
    expect([t.has('a'), t.has('d')]).toEqual([false, false]);
    expect(t.ls()).toEqual([]);
  });

  test('count on a writable and on a ro+wh branch, not on a ro one', () => {
    const low = { a: 'A' };
    expect(makeUnion([['rw'], ['ro', { '.wh.a': '' }], ['ro', low]]).ls()).toEqual(['a']);
    expect(makeUnion([['rw'], ['ro+wh', { '.wh.a': '' }], ['ro', low]]).ls()).toEqual([]);
    expect(makeUnion([['rw', { '.wh.a': '' }], ['ro', low]]).ls()).toEqual([]);
    expect(makeUnion([['rw'], ['rr', { '.wh.a': '' }], ['ro', low]]).ls()).toEqual(['a']);
  });

  test('the whiteouts of a writable branch count in a read-only union too', () => {
    expect(makeUnion([['rw', { '.wh.a': '' }], ['ro', { a: 'A' }]], { readonly: true }).ls()).toEqual([]);
  });

  test('a base file with as many links as the file system allows is renewed', () => {
    // ext4 allows 65,000; tmpfs any number.
    const t = makeUnion([['rw'], ['ro', { a: 'A', b: 'B' }]], { on: DISK });
    const links = t.on(0, '.wh..wh.plnk/links');
    mkdirSync(links);
    const root = t.u.branches[0].root;
    let result = 0;
    for (let i = 0; i < 66_000 && result >= 0; i++) {
      result = linkat(root, '.wh..wh.aufs', root, `.wh..wh.plnk/links/${String(i)}`, 0);
    }
    const full = t.lstat(0, '.wh..wh.aufs');
    expect(result, 'a file system with a limit of links').toBe(-E.EMLINK);
    t.unlink('a');
    t.unlink('b');
    const base = t.lstat(0, '.wh..wh.aufs');
    expect(base.ino).not.toBe(full.ino);
    expect([base.mode, base.nlink]).toEqual([0o100444, 3]);
    expect(t.lstat(0, '.wh.b').ino).toBe(base.ino);
    expect(readdirSync(t.branch(0)).filter((name) => name.startsWith('.wh..wh.aufs'))).toEqual(['.wh..wh.aufs']);
    expect(t.ls()).toEqual([]);
  });
});

describe('opaque directories', () => {
  test('hide everything below', () => {
    const t = makeUnion([['rw', { 'd/.wh..wh..opq': '', 'd/a': 'top' }], ['ro', { 'd/a': 'low', 'd/b': 'B' }]]);
    expect(t.ls('d')).toEqual(['a']);
    expect(t.has('d/b')).toBe(false);
    expect(t.read('d/a')).toBe('top');
  });

  test('hide what lies in their directories as well', () => {
    const t = makeUnion([['rw', { 'd/.wh..wh..opq': '', 'd/e/a': '' }], ['ro', { 'd/e/b': '' }]]);
    expect(t.ls('d/e')).toEqual(['a']);
  });

  test('count where whiteouts count', () => {
    const middle = { 'd/.wh..wh..opq': '', 'd/a': '' };
    const low = { 'd/b': '' };
    expect(makeUnion([['rw'], ['ro', middle], ['ro', low]]).ls('d')).toEqual(['a', 'b']);
    expect(makeUnion([['rw'], ['ro+wh', middle], ['ro', low]]).ls('d')).toEqual(['a']);
  });

  test('an opaque root has no meaning of its own below the top', () => {
    const t = makeUnion([['rw'], ['ro', { a: '' }]]);
    linkSync(t.on(0, '.wh..wh.aufs'), t.on(0, '.wh..wh..opq'));
    expect(t.has('a')).toBe(true);
    expect(t.ls()).toEqual(['a']);
  });
});
