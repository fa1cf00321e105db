import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Branch } from '../../src/union/branch.js';
import { inodeNumber } from '../../src/posix/inode-number.js';
import { FileSystems } from '../../src/union/file-system.js';
import { type Inode, forgetInode, freshInode, keepInode, listedInode, unionInode } from '../../src/union/xino.js';
import { DISK, MEMORY, makeUnion, scratch, takeInode, useUnions } from './helpers.js';

useUnions();

/** A branch on the file system with this index; others can be had by their device numbers, 0:0 … */
function branch(index: number): Branch {
  const fileSystems = new FileSystems(() => -1);
  for (let minor = 0; minor <= index; minor++) fileSystems.of(0, minor);
  return { home: fileSystems.of(0, index), fileSystems } as unknown as Branch;
}

function inode(b: Branch, ino: number, birth = 0, devMinor = b.home.devMinor): Inode {
  return { ino, devMajor: 0, devMinor, btime: birth, btimeNsec: 0 };
}

test('a number of the first file system is itself; those of the others do not meet it', () => {
  const numbers = [0, 1, 3].map((index) => unionInode(branch(index), inode(branch(index), 7)));
  expect(numbers).toEqual([7, 2 ** 40 + 7, 3 * 2 ** 40 + 7]);
});

test('two file systems within a branch (btrfs subvolumes, layers of an overlayfs): their numbers do not meet', () => {
  const b = branch(0);
  expect([unionInode(b, inode(b, 257)), unionInode(b, inode(b, 257, 0, 44)), unionInode(b, inode(b, 257, 0, 45))])
    .toEqual([257, 2 ** 40 + 257, 2 * 2 ** 40 + 257]);
  keepInode(b, inode(b, 257, 5, 45), 9);
  expect([unionInode(b, inode(b, 257, 5)), unionInode(b, inode(b, 257, 5, 45))]).toEqual([257, 9]);
  forgetInode(b, inode(b, 257, 5, 45));
  expect(unionInode(b, inode(b, 257, 5, 45))).toBe(2 * 2 ** 40 + 257);
});

test('large numbers stay apart from each other and from small ones, and need no memory', () => {
  const words: [number, number][] = [[12, 0], [12, 0x100], [12, 0x200], [13, 0x40000000], [12, 0x40000000], [12, 0x80000000], [1, 0xdeadbeef], [2, 0xdeadbeef]];
  const one = branch(0);
  const numbers = words.flatMap(([low, high]) => [0, 1].map((minor) => unionInode(one, inode(one, inodeNumber(low, high), 0, minor))));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers.every(Number.isSafeInteger)).toBe(true);
  expect(one.home.inodes.size).toBe(0);
  expect(unionInode(one, inode(one, inodeNumber(...words[3])))).toBe(numbers[6]);
});

test('more file systems than there are indexes for: numbers still differ', () => {
  const b = branch(0);
  const numbers = new Set<number>();
  for (let minor = 0; minor < 5000; minor++) numbers.add(unionInode(b, inode(b, 257, 0, minor)));
  expect(numbers.size).toBe(5000);
});

test('a copy keeps the number; its own comes back when it is forgotten', () => {
  const b = branch(0);
  keepInode(b, inode(b, 9, 100), 5);
  expect(unionInode(b, inode(b, 9))).toBe(5);
  expect(listedInode(b, 9)).toBe(5);
  forgetInode(b, inode(b, 9));
  expect(unionInode(b, inode(b, 9))).toBe(9);
  keepInode(b, inode(b, 9, 100), 9);
  expect(b.home.inodes.size).toBe(0);
  expect(freshInode(b, inode(b, 9))).not.toBe(freshInode(b, inode(b, 10)));
});

test('an inode number that was given out again does not inherit', () => {
  const b = branch(0);
  keepInode(b, inode(b, 9, 100), 5);
  expect([unionInode(b, inode(b, 9)), unionInode(b, inode(b, 9, 100))]).toEqual([5, 5]);
  expect(unionInode(b, inode(b, 9, 101))).toBe(9);
  expect(b.home.inodes.size).toBe(0);
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
