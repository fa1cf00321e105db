// Branches with things on them that no union would put there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { utimensat } from '../../src/posix/attributes.js';
import { AT, mknodat } from '../../src/posix/directory.js';
import { must } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import { S, Stat } from '../../src/posix/stat.js';
import { missing } from '../helpers/process.js';
import { DISK, type Tree, bytes, failure, isRoot, makeBranches, makeUnion, unionOver, useUnions } from './helpers.js';

useUnions();

const lower: Tree = { a: 'A', 'd/x': 'X', 'd/y': 'Y' };

describe('a whiteout that is no empty file hides, and gives way', () => {
  const kinds: [string, Tree][] = [
    ['with content', { '.wh.a': 'content', '.wh.d': 'content' }],
    ['an empty directory', { '.wh.a': null, '.wh.d': null }],
    ['a symlink', { '.wh.a': { to: 'd' }, '.wh.d': { to: 'nowhere' } }],
    ['a fifo', { '.wh.a': { fifo: true }, '.wh.d': { fifo: true } }],
  ];
  for (const [kind, upper] of kinds) {
    test(kind, () => {
      const t = makeUnion([['rw', upper], ['ro', lower]]);
      expect([t.ls(), t.has('a'), t.has('d')]).toEqual([[], false, false]);
      t.make('a', 'new');
      t.mkdir('d');
      expect([t.ls(), t.read('a'), t.ls('d')]).toEqual([['a', 'd'], 'new', []]);
      t.unlink('a');
      t.rmdir('d');
      expect(t.ls()).toEqual([]);
    });
  }

  test('a directory with something in it: EIO, and nothing is lost', () => {
    const t = makeUnion([['rw', { '.wh.a/kept': 'kept' }], ['ro', lower]]);
    expect([t.ls(), t.has('a')]).toEqual([['d'], false]);
    expect(failure(() => t.make('a'))).toBe('EIO');
    expect([t.has('a'), t.text(0, '.wh.a/kept')]).toEqual([false, 'kept']);
  });
});

test('a whiteout of a whiteout hides nothing, and does not show what the whiteout hides', () => {
  const t = makeUnion([['rw', { '.wh..wh.a': '', '.wh.a': '', '.wh..wh.d': '' }], ['ro', lower]], { shwh: true });
  expect([t.has('a'), t.has('d'), t.ls('d')]).toEqual([false, true, ['x', 'y']]);
  expect(t.ls()).toEqual(['.wh.a', 'd']);
});

test('an opaque mark may be a directory, or stand where there is nothing to hide', () => {
  const t = makeUnion([['rw', { 'd/.wh..wh..opq': null, 'e/.wh..wh..opq': '', '.wh..wh..opq': '' }], ['ro', lower]]);
  expect([t.ls('d'), t.ls('e'), t.has('a')]).toEqual([[], [], true]);
  t.make('d/x', 'new');
  t.unlink('d/x');
  t.rmdir('d');
  t.rmdir('e');
  expect(t.ls()).toEqual(['a']);
});

test('names of 243 to 255 bytes on a lower branch are listed, and cannot be used (aufs(5))', () => {
  const names = [242, 243, 251, 252, 255].map((length) => 'n'.repeat(length));
  const t = makeUnion([['rw'], ['ro', Object.fromEntries(names.map((name) => [`d/${name}`, 'content']))]]);
  expect(t.ls('d')).toEqual(names);
  for (const name of names.slice(1)) {
    for (const use of [() => t.has(`d/${name}`), () => t.unlink(`d/${name}`)]) expect(failure(use)).toBe('ENAMETOOLONG');
  }
  t.unlink(`d/${names[0]}`);
  expect(t.ls('d')).toEqual(names.slice(1));
  expect(failure(() => t.rmdir('d'))).toBe('ENOTEMPTY');
  const plus: (string | null)[] = [];
  const out = new Stat();
  t.union.readdirplus(t.opendir('d'), 2, out, (name, _type, _ino, _next, node) => plus.push(node === null ? name : null) > 0);
  expect(plus.sort()).toEqual(names.slice(1));
});

test('names that are not UTF-8 go through every operation', () => {
  const name = '\xff\xfe\xc3(';
  const t = makeUnion([['rw'], ['ro', { [name]: 'low', [`${name}d/${name}`]: 'deep', [`${name}l`]: { to: name } }]]);
  t.write(name, 'new');
  t.link(name, `${name}2`);
  t.rename(`${name}2`, `${name}3`);
  t.setxattr(name, 'user.x', name);
  t.symlink(`${name}s`, name);
  t.unlink(`${name}d/${name}`);
  t.rmdir(`${name}d`);
  t.mkdir(`${name}d`);
  expect([t.read(`${name}3`), t.readlink(`${name}s`), t.readlink(`${name}l`), t.getxattr(name, 'user.x')]).toEqual(['new', name, name, name]);
  expect(t.ls()).toEqual(['', '3', 'd', 'l', 's'].map((end) => name + end).sort());
  expect(t.told().length).toBeGreaterThan(8);
});

test('file over directory over file: the top one is seen, and what is below comes up in turn', () => {
  const t = makeUnion([['rw', { x: 'top' }], ['ro', { 'x/in': 'in' }], ['ro', { x: 'bottom' }]]);
  expect(t.read('x')).toBe('top');
  t.unlink('x');
  expect([t.has('x'), t.names(0)]).toEqual([false, ['.wh.x']]);
  t.mkdir('x');
  expect(t.ls('x')).toEqual([]);
  const u = makeUnion([['rw'], ['ro', { 'x/in': 'in' }], ['ro', { x: 'middle' }], ['ro', { 'x/below': 'below' }]]);
  // As AUFS: what is no directory is passed over on the way down.
  expect(u.ls('x')).toEqual(['below', 'in']);
});

test('loops of symlinks and times before 1970 or far away are copied up as they are', () => {
  const branches = makeBranches([['rw'], ['ro', { one: { to: 'two' }, two: { to: 'one' }, old: 'old', far: 'far' }]]);
  must(utimensat(AT.FDCWD, `${branches[1].path}/old`, -5_000_000_000, 0, -5_000_000_001, 5));
  must(utimensat(AT.FDCWD, `${branches[1].path}/far`, 2 ** 40, 0, 2 ** 40, 0));
  const t = unionOver(branches);
  for (const name of ['one', 'old', 'far']) t.set(name, { uid: 0 });
  t.rename('one', 'three');
  expect([t.readlink('three'), t.readlink('two')]).toEqual(['two', 'one']);
  expect([t.stat('old').mtime, t.stat('far').mtime]).toEqual([-5_000_000_001, 2 ** 40]);
  expect(statSync(t.on(0, 'far')).mtimeMs).toBe(2 ** 40 * 1000);
});

test('a fifo put where a file was does not stop who opens it', () => {
  const t = makeUnion([['rw', { a: 'A' }]], { udba: 'none' });
  const node = t.walk('a');
  rmSync(t.on(0, 'a'));
  must(mknodat(AT.FDCWD, t.on(0, 'a'), S.IFIFO | 0o644, 0, 0));
  for (const flags of [O.RDONLY, O.RDWR]) expect(failure(() => t.openNode(node, flags))).toBe('ESTALE');
});

test('what AUFS keeps on a branch, made into something else, is refused in words', () => {
  for (const [tree, words] of [
    [{ '.wh..wh.aufs': null }, /\.wh\.\.wh\.aufs is not a regular file; remove it/],
    [{ '.wh..wh.plnk': 'file' }, /\.wh\.\.wh\.plnk is not a directory; remove it/],
    [{ '.wh..wh.orph': { to: '/' } }, /\.wh\.\.wh\.orph is not a directory; remove it/],
  ] as [Tree, RegExp][]) {
    expect(() => makeUnion([['rw', tree]])).toThrow(words);
  }
});

const noChattr = isRoot ? missing('chattr') : 'not root';

describe.skipIf(noChattr !== undefined)(`immutable and append-only files (ext4)${noChattr === undefined ? '' : ` (skipped: ${noChattr})`}`, () => {
  function marked(flag: string, paths: string[], work: () => void): void {
    for (const path of paths) execFileSync('chattr', [`+${flag}`, path]);
    try {
      work();
    } finally {
      for (const path of paths) execFileSync('chattr', [`-${flag}`, path]);
    }
  }

  test('what cannot be removed stays, also where a lower branch has the name', () => {
    const t = makeUnion([['rw', { a: 'top', 'd/x': 'top', e: null }], ['ro', { a: 'low', 'd/x': 'low', e: null }]], { on: DISK });
    marked('i', [t.on(0, 'a'), t.on(0, 'd/x'), t.on(0, 'e')], () => {
      for (const action of [() => t.unlink('a'), () => t.unlink('d/x'), () => t.rmdir('e'), () => t.write('a', 'x')]) {
        expect(failure(action)).toBe('EPERM');
      }
      expect([t.read('a'), t.read('d/x'), t.ls()]).toEqual(['top', 'top', ['a', 'd', 'e']]);
      expect(t.names(0)).toEqual(['a', 'd/', 'd/x', 'e/']);
    });
    t.unlink('a');
    expect(t.has('a')).toBe(false);
  });

  test('a lower file that is immutable is copied up, and the copy can be written', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]], { on: DISK });
    marked('i', [t.on(1, 'a')], () => {
      t.write('a', 'new');
      t.unlink('a');
      expect(t.has('a')).toBe(false);
    });
  });

  test('an append-only file takes what is appended', () => {
    const t = makeUnion([['rw', { a: 'one' }]], { on: DISK });
    marked('a', [t.on(0, 'a')], () => {
      expect(failure(() => t.truncate('a', 0))).toBe('EPERM');
      expect(t.read('a')).toBe('one');
    });
  });
});

test('a directory swapped for a symlink out of the branch is not followed', () => {
  const t = makeUnion([['rw', { 'd/a': 'A', 'outside/a': 'O' }], ['ro', lower]], { udba: 'none' });
  const directory = t.walk('d');
  renameSync(t.on(0, 'd'), t.on(0, 'gone'));
  mkdirSync(`${t.branch(0)}-outside`);
  writeFileSync(`${t.branch(0)}-outside/a`, 'secret');
  symlinkSync(`${t.branch(0)}-outside`, t.on(0, 'd'));
  const out = new Stat();
  t.u.forgetDescriptors(directory);
  expect(failure(() => t.union.lookup(directory, 'a', out))).toBe('ESTALE');
  expect(readdirSync(bytes(`${t.branch(0)}-outside`))).toEqual(['a']);
});
