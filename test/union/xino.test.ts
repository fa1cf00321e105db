import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Branch } from '../../src/union/branch.js';
import { KnownInodes } from '../../src/union/known-inodes.js';
import { forgetInode, freshInode, keepInode, unionInode } from '../../src/union/xino.js';
import { DISK, MEMORY, makeUnion, scratch, takeInode, useUnions } from './helpers.js';

useUnions();

function branch(fs: number): Branch {
  return { fs, inodes: new KnownInodes(() => -1) } as unknown as Branch;
}

test('a number of the first file system is itself; those of the others do not meet it', () => {
  expect([unionInode(branch(0), 7), unionInode(branch(1), 7), unionInode(branch(3), 7)]).toEqual([7, 2 ** 40 + 7, 3 * 2 ** 40 + 7]);
});

test('a number that does not fit gets one of its own, and keeps it', () => {
  const b = branch(0);
  const one = unionInode(b, 2 ** 50);
  const two = unionInode(b, 2 ** 50 + 1);
  expect(one).toBeGreaterThanOrEqual(2 ** 52);
  expect(two).not.toBe(one);
  expect([unionInode(b, 2 ** 50), unionInode(b, 2 ** 50 + 1)]).toEqual([one, two]);
  expect(Number.isSafeInteger(one)).toBe(true);
});

test('a copy keeps the number; its own comes back when it is forgotten', () => {
  const b = branch(0);
  keepInode(b, 9, 100, 5);
  expect(unionInode(b, 9)).toBe(5);
  forgetInode(b, 9);
  expect(unionInode(b, 9)).toBe(9);
  keepInode(b, 9, 100, 9);
  expect(b.inodes.size).toBe(0);
  expect(freshInode(b, 9, 0)).not.toBe(freshInode(b, 10, 0));
});

test('an inode number that was given out again does not inherit', () => {
  const b = branch(0);
  keepInode(b, 9, 100, 5);
  expect([unionInode(b, 9), unionInode(b, 9, 100)]).toEqual([5, 5]);
  expect(unionInode(b, 9, 101)).toBe(9);
  expect(b.inodes.size).toBe(0);
});

describe('in a union', () => {
  for (const [upper, lower] of [[MEMORY, MEMORY], [MEMORY, DISK], [DISK, MEMORY]]) {
    test(`numbers stay across copy-up, rename and forgetting (${upper} over ${lower})`, () => {
      const t = makeUnion([['rw', {}, scratch(upper)], ['ro', { 'd/a': 'A', 'd/b': 'B', 'e': null }, scratch(lower)]]);
      const numbers = ['d', 'd/a', 'd/b', 'e'].map((path) => t.ino(path));
      expect(new Set([...numbers, t.root.ino]).size).toBe(5);
      t.forgetAll();
      t.write('d/a', 'x');
      t.forgetAll();
      t.rename('d/b', 'e/b');
      t.forgetAll();
      expect(['d', 'd/a', 'e/b', 'e'].map((path) => t.ino(path))).toEqual(numbers);
      const seen: Record<string, number> = {};
      t.union.readdir(t.opendir('d'), 0, (name, _type, ino) => (seen[name] = ino) > 0);
      expect(seen).toEqual({ '.': numbers[0], '..': t.root.ino, 'a': numbers[1] });
    });
  }

  test('a file removed and one made have no number in common while the old one is open', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]], { on: DISK });
    t.write('a', 'x');
    const handle = t.open('a');
    t.unlink('a');
    for (let i = 0; i < 20; i++) expect(t.make(`f${String(i)}`).ino).not.toBe(handle.node.ino);
  });

  test('a copy removed directly, its inode number given out again (ext4): two files', (context) => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]], { on: DISK });
    t.write('a', 'new');
    const ino = t.ino('a');
    t.forgetAll();
    const freed = t.lstat(0, 'a').ino;
    rmSync(t.on(0, 'a'));
    if (!takeInode(t.on(0, 'z'), freed, 'zzzzz')) context.skip('another process took the number');
    expect([t.ino('a'), t.read('a')]).toEqual([ino, 'low']);
    expect(t.ino('z')).not.toBe(ino);
    expect(t.walk('z')).not.toBe(t.walk('a'));
    expect([t.read('z'), t.read('a')]).toEqual(['zzzzz', 'low']);
  });
});
