import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import type { ShownPseudoLink } from '../../src/union/pseudo-link-flush.js';
import { makeUnion, unionOver, useUnions, type TestUnion } from './helpers.js';

useUnions();

const low = { a: 'low', 'd/b': { same: 'a' }, 'd/c': { same: 'a' } };

function plinks(t: TestUnion): string[] {
  return readdirSync(t.on(0, '.wh..wh.plnk'));
}

test('after copy-up under one name the others show the copy', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  const [ino, below] = [t.ino('a'), t.lstat(1, 'a').ino];
  t.write('a', 'new');
  expect(t.names(0)).toEqual(['a']);
  expect(plinks(t)).toEqual([`${String(ino)}.${String(below)}`]);
  expect(['a', 'd/b', 'd/c'].map((path) => [t.read(path), t.ino(path), t.stat(path).nlink])).toEqual(
    [['new', ino, 3], ['new', ino, 3], ['new', ino, 3]]);
  expect(t.text(1, 'd/b')).toBe('low');
});

test('also when the kernel has forgotten the file meanwhile', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  t.write('a', 'new');
  t.forgetAll();
  expect(t.union.nodes.size).toBe(1);
  const b = t.walk('d/b');
  expect([t.read('d/b'), t.walk('a'), t.walk('d/c')]).toEqual(['new', b, b]);
});

test('a name that goes while the kernel knows nothing of the file is no longer counted', () => {
  for (const gone of ['a', 'd/b']) {
    const t = makeUnion([['rw'], ['ro', low]]);
    t.write('a', 'new');
    const parent = gone === 'a' ? t.union.root : t.walk('d');
    for (const node of [...t.union.nodes.all()]) if (!node.isDirectory) t.union.nodes.forget(node, node.lookups);
    t.union.unlink(parent, gone.slice(-1));
    expect(t.stat('d/c').nlink).toBe(2);
    expect(t.read('d/c')).toBe('new');
  }
});

test('in a listing too', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  t.write('a', 'new');
  const ino = t.ino('a');
  const handle = t.opendir('d');
  const seen: [string, number][] = [];
  t.union.readdir(handle, 0, (name, _type, number) => seen.push([name, number]) > 0);
  expect(seen.filter(([name]) => !name.startsWith('.')).sort()).toEqual([['b', ino], ['c', ino]]);
});

test('a name is made real when something is done to it', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  t.write('a', 'new');
  t.rename('d/b', 'd/e');
  expect(t.names(0)).toEqual(['a', 'd/', 'd/.wh.b', 'd/e']);
  expect([t.lstat(0, 'd/e').ino, t.read('d/e')]).toEqual([t.lstat(0, 'a').ino, 'new']);
  t.unlink('d/c');
  expect([t.ls('d'), t.stat('a').nlink]).toEqual([['e'], 2]);
});

test('the name of the copy may go; the others go on', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  const node = t.walk('a');
  t.write('a', 'new');
  t.unlink('a');
  expect(t.names(0)).toEqual(['.wh.a']);
  expect([t.walk('d/b'), t.read('d/b'), t.stat('d/b').nlink]).toEqual([node, 'new', 2]);
  t.write('d/c', 'more');
  expect(t.read('d/b')).toBe('more');
  t.forgetAll();
  expect(t.read('d/c')).toBe('more');
});

test('all names gone, an open handle goes on', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  const handle = t.open('a', O.RDWR);
  t.writeTo(handle, 'new');
  for (const path of ['a', 'd/b', 'd/c']) t.unlink(path);
  expect([t.readFrom(handle), t.ls(), t.ls('d')]).toEqual(['new', ['d'], []]);
});

test('none with noplink: then the other names show the old file, under a number of their own', () => {
  const t = makeUnion([['rw'], ['ro', low]], { plink: false });
  const ino = t.ino('a');
  t.write('a', 'new');
  expect([t.read('a'), t.read('d/b'), t.read('d/c')]).toEqual(['new', 'low', 'low']);
  expect(t.ino('a')).toBe(ino);
  expect(t.ino('d/b')).not.toBe(ino);
  expect(t.ino('d/c')).toBe(t.ino('d/b'));
});

test('what an earlier mount left is replaced', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  writeFileSync(t.on(0, `.wh..wh.plnk/${String(t.ino('a'))}.${String(t.lstat(1, 'a').ino)}`), 'old');
  t.write('a', 'new');
  expect(t.read('d/b')).toBe('new');
});

test('a name that is renamed over counts no more', () => {
  const t = makeUnion([['rw', { x: 'X' }], ['ro', low]]);
  t.write('a', 'new');
  t.rename('x', 'd/b');
  expect([t.read('d/b'), t.read('d/c'), t.stat('a').nlink]).toEqual(['X', 'new', 2]);
});

describe('flush', () => {
  test('makes all names real, those not met yet too, and removes the links', () => {
    const t = makeUnion([['rw'], ['ro', low]]);
    t.write('a', 'new');
    t.walk('d/b');
    t.union.command('flush-plinks', null);
    expect(plinks(t)).toEqual([]);
    expect(t.names(0)).toContain('d/b');
    expect([t.read('a'), t.read('d/b'), t.stat('a').nlink]).toEqual(['new', 'new', 3]);
  });

  test('a file whose copy has lost its name goes on under the others', () => {
    const t = makeUnion([['rw'], ['ro', low]]);
    t.write('a', 'new');
    const node = t.walk('d/b');
    t.unlink('a');
    t.union.command('flush-plinks', null);
    expect(plinks(t)).toEqual([]);
    expect(t.statNode(node).size).toBe(3);
    expect(t.read('d/b')).toBe('new');
  });

  test('a file without any name goes on for who has it open', () => {
    const t = makeUnion([['rw'], ['ro', low]]);
    const handle = t.open('a', O.RDWR);
    t.writeTo(handle, 'new');
    for (const path of ['a', 'd/b', 'd/c']) t.unlink(path);
    t.union.command('flush-plinks', null);
    expect(t.statNode(handle.node).size).toBe(3);
    expect(t.readFrom(handle)).toBe('new');
  });

  test('closing the union leaves no link behind, and the next mount shows what was known', () => {
    const t = makeUnion([['rw'], ['ro', low]]);
    t.write('a', 'new');
    t.walk('d/b');
    const specs = t.u.branches.map((branch) => branch.spec);
    t.union.close();
    t.abandon();
    expect(readdirSync(`${specs[0].path}/.wh..wh.plnk`)).toEqual([]);
    const again = unionOver(specs);
    expect([again.read('a'), again.read('d/b')]).toEqual(['new', 'new']);
  });
});

describe('for tsaufs plink', () => {
  const names = (t: TestUnion): unknown => (t.union.command('describe-plinks', null) as ShownPseudoLink[])
    .map((link) => ({ ...link, names: link.names.map(({ path, real }) => `${path} ${real}`) }));

  test('every name is told, those not met yet too, and whether it is real', () => {
    const t = makeUnion([['rw'], ['ro', { ...low, other: 'x', 'd/link': { same: 'other' } }]]);
    expect(names(t)).toEqual([]);
    t.write('a', 'new');
    const [link] = plinks(t);
    expect(names(t)).toEqual([{ ino: t.ino('a'), branch: t.on(0, '').replace(/\/$/, ''), link, names: ['/a true', '/d/b false', '/d/c false'] }]);
    t.rename('d/b', 'd/e');
    expect(names(t)).toMatchObject([{ names: ['/a true', '/d/c false', '/d/e true'] }]);
    expect(t.names(0)).not.toContain('d/c');
  });

  test('cpup makes the names real, and leaves the pseudo-links', () => {
    const t = makeUnion([['rw'], ['ro', low]]);
    t.write('a', 'new');
    t.union.command('cpup-plinks', null);
    expect(names(t)).toMatchObject([{ names: ['/a true', '/d/b true', '/d/c true'] }]);
    expect(plinks(t)).toHaveLength(1);
    expect(t.lstat(0, 'd/c').ino).toBe(t.lstat(0, 'a').ino);
    t.union.command('flush-plinks', null);
    expect([names(t), plinks(t), t.stat('d/b').nlink]).toEqual([[], [], 3]);
  });
});
