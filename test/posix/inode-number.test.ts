import { expect, test } from 'vitest';
import { FIRST_HASHED_INODE, inodeNumber } from '../../src/posix/inode-number.js';

test('an inode number below 2^52 is itself', () => {
  expect([inodeNumber(0, 0), inodeNumber(0xffffffff, 0), inodeNumber(5, 1), inodeNumber(0xffffffff, 0xfffff)])
    .toEqual([0, 2 ** 32 - 1, 2 ** 32 + 5, 2 ** 52 - 1]);
});

test('numbers that differ in their last bit only, with a mark in the first, stay apart', () => {
  const seen = new Set<number>();
  for (const high of [0x40000000, 0x80000000, 0xc0000000, 0x00200000, 0xffe000ff]) {
    for (let low = 0; low < 100; low++) seen.add(inodeNumber(low, high));
  }
  expect(seen.size).toBe(500);
  for (const number of seen) expect(number >= 2 ** 52 && number < FIRST_HASHED_INODE).toBe(true);
});

test('hashes stay exact numbers, and hardly ever meet', () => {
  const seen = new Set<number>();
  for (let i = 0; i < 100_000; i++) seen.add(inodeNumber(Math.imul(i, 0x9e3779b1) >>> 0, (Math.imul(i, 0x85ebca6b) | 0x100100) >>> 0));
  expect(seen.size).toBe(100_000);
  expect([...seen].every((number) => number >= FIRST_HASHED_INODE && number <= Number.MAX_SAFE_INTEGER)).toBe(true);
});
