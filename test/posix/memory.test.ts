import { expect, test } from 'vitest';
import koffi from 'koffi';
import { allocate, readI64, readU64, write64 } from '../../src/posix/memory.js';

test('memory is zeroed, and its address is where its bytes are', () => {
  for (const size of [1, 7, 8, 64, 4096, 65536]) {
    const block = allocate(size);
    expect(block.length).toBe(size);
    expect(block.bytes.length).toBe(size);
    expect(block.bytes.every((byte) => byte === 0)).toBe(true);
    expect(block.address).toBe(Number(koffi.address(block.bytes)));
    expect(block.u32.length).toBe(size >>> 2);
  }
});

test('alignment: 8 bytes, and a page from a page on', () => {
  for (let i = 0; i < 20; i++) {
    expect(allocate(24).address % 8).toBe(0);
    expect(allocate(4096 + i).address % 4096).toBe(0);
  }
});

test('bytes and words are the same memory', () => {
  const block = allocate(8192);
  block.u32[1] = 0x04030201;
  expect([...block.bytes.subarray(4, 8)]).toEqual([1, 2, 3, 4]);
});

test('64-bit numbers, signed and unsigned', () => {
  const { bytes, u32 } = allocate(16);
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, 2 ** 53 - 1]) {
    write64(u32, 2, value);
    expect(bytes.readBigUInt64LE(8)).toBe(BigInt(value));
    expect(readU64(u32, 2)).toBe(value);
    expect(readI64(u32, 2)).toBe(value);
  }
  for (const value of [-1, -(2 ** 31), -(2 ** 32), -(2 ** 32) - 1, -(2 ** 40) - 5, 1 - 2 ** 53]) {
    write64(u32, 2, value);
    expect(bytes.readBigInt64LE(8)).toBe(BigInt(value));
    expect(readI64(u32, 2)).toBe(value);
  }
});
