import { describe, expect, test } from 'vitest';
import { failure, makeUnion, useUnions } from './helpers.js';

useUnions();

test('on the upper branch: one file, two names', () => {
  const t = makeUnion([['rw', { a: 'A', d: null }], ['ro']]);
  const node = t.walk('a');
  expect(t.link('a', 'd/b')).toBe(node);
  expect(t.lstat(0, 'd/b').ino).toBe(t.lstat(0, 'a').ino);
  expect([t.stat('a').nlink, t.ino('d/b')]).toEqual([2, node.ino]);
  expect(t.told()).toEqual(['link /d/b']);
  t.write('d/b', 'B');
  expect(t.read('a')).toBe('B');
});

for (const plink of [true, false]) {
  test(`of a lower file: one file to the user, ${plink ? 'with' : 'without'} pseudo-links`, () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': 'A', 'e/x': '' }]], { plink });
    const node = t.walk('d/a');
    expect(t.link('d/a', 'e/b')).toBe(node);
    expect(t.names(0)).toContain('e/b');
    expect(t.text(0, 'e/b')).toBe('A');
    t.write('d/a', 'B');
    expect([t.read('d/a'), t.read('e/b'), t.text(1, 'd/a')]).toEqual(['B', 'B', 'A']);
    expect([t.ino('d/a'), t.ino('e/b')]).toEqual([node.ino, node.ino]);
    expect([t.stat('d/a').nlink, t.stat('e/b').nlink]).toEqual([2, 2]);
    t.unlink('d/a');
    expect([t.ls('d'), t.read('e/b'), t.stat('e/b').nlink]).toEqual([[], 'B', 1]);
    expect(t.leftovers(0)).toEqual([]);
  });
}

test('of a symlink: the link itself', () => {
  const t = makeUnion([['rw', { l: { to: 'nowhere' } }]]);
  t.link('l', 'm');
  expect(t.readlink('m')).toBe('nowhere');
});

test('onto a whiteout', () => {
  const t = makeUnion([['rw', { 'a': 'A', '.wh.b': '' }], ['ro', { b: 'B' }]]);
  t.link('a', 'b');
  expect([t.names(0), t.read('b')]).toEqual([['a', 'b'], 'A']);
});

test('onto what stands beside its whiteout', () => {
  const t = makeUnion([['rw', { 'a': 'A', '.wh.b': '', 'b': 'beside', '.wh.c': '', 'c/x': '' }], ['ro']]);
  t.link('a', 'b');
  t.link('a', 'c');
  expect([t.names(0), t.read('b')]).toEqual([['a', 'b', 'c'], 'A']);
});

test('errors', () => {
  const t = makeUnion([['rw', { a: 'A', d: null }], ['ro', { b: '', e: null }]]);
  expect(failure(() => t.link('d', 'x'))).toBe('EPERM');
  expect(failure(() => t.link('e', 'x'))).toBe('EPERM');
  for (const name of ['a', 'b', 'd', 'e']) expect(failure(() => t.link('a', name))).toBe('EEXIST');
  const d = t.walk('d');
  const a = t.walk('a');
  t.rmdir('d');
  expect(failure(() => t.union.link(a, d, 'x', t.stat('a')))).toBe('ENOENT');
  expect(failure(() => makeUnion([['ro', { a: '' }]]).link('a', 'b'))).toBe('EROFS');
});

describe('names go one by one', () => {
  test('in any order, and the last takes the file', () => {
    const t = makeUnion([['rw', { a: 'A' }]]);
    for (const name of ['b', 'c', 'd']) t.link('a', name);
    const node = t.walk('a');
    for (const [name, left] of [['a', 3], ['c', 2], ['d', 1]] as const) {
      t.unlink(name);
      expect([t.stat('b').nlink, t.walk('b')]).toEqual([left, node]);
    }
    expect(node.links).toBeNull();
    t.unlink('b');
    expect([node.removed, t.names(0)]).toEqual([true, []]);
  });
});
