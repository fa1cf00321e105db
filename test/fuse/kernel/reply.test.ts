import { describe, expect, it } from 'vitest';
import { allocate } from '../../../src/posix/memory.js';
import { Stat } from '../../../src/posix/stat.js';
import { StatFs } from '../../../src/posix/statfs.js';
import { decodeMajor, decodeMinor, direntSize, encodeDevice, Reply } from '../../../src/fuse/kernel/reply.js';

const node = { id: 2 ** 33 + 5, generation: 7, lookups: 0 };

/** Attributes in which every field differs. */
function someStat(): Stat {
  const stat = new Stat();
  Object.assign(stat, {
    mode: 0o100644,
    ino: 2 ** 40 + 1,
    nlink: 3,
    uid: 1000,
    gid: 0xfffffffe,
    size: 2 ** 45 + 2,
    blocks: 11,
    blksize: 4096,
    rdevMajor: 259,
    rdevMinor: 70000,
    atime: -2,
    atimeNsec: 1,
    mtime: 2 ** 32 + 3,
    mtimeNsec: 999_999_999,
    ctime: 5,
    ctimeNsec: 6,
    btime: 7,
    btimeNsec: 8,
  });
  return stat;
}

/** A reply whose block is full of what an earlier one left. */
function dirty(): { reply: Reply; body: Buffer } {
  const block = allocate(8192);
  block.bytes.fill(0xa5);
  return { reply: new Reply(block), body: block.bytes.subarray(16) };
}

function expectAttributes(attr: Buffer): void {
  const words = [0, 8, 16, 24, 32, 40].map((offset) => attr.readBigInt64LE(offset));
  expect(words).toEqual([2n ** 40n + 1n, 2n ** 45n + 2n, 11n, -2n, 2n ** 32n + 3n, 5n]);
  const rest = Array.from({ length: 10 }, (_, i) => attr.readUInt32LE(48 + i * 4));
  const rdev = encodeDevice(259, 70000) >>> 0;
  expect(rest).toEqual([1, 999_999_999, 6, 0o100644, 3, 1000, 0xfffffffe, rdev, 4096, 0]);
}

describe('Reply', () => {
  it('header', () => {
    const block = allocate(64);
    const reply = new Reply(block);
    expect(reply.header(24, -2, 0x11111111, 0x80000000)).toBe(40);
    expect(block.bytes.subarray(0, 16).toString('hex')).toBe('28000000feffffff1111111100000080');
  });

  it('entry', () => {
    const { reply, body } = dirty();
    expect(reply.entry(0, node, someStat(), 2.5)).toBe(128);
    expect(body.readBigUInt64LE(0)).toBe(2n ** 33n + 5n);
    expect(body.readBigUInt64LE(8)).toBe(7n);
    expect([body.readBigUInt64LE(16), body.readBigUInt64LE(24)]).toEqual([2n, 2n]);
    expect([body.readUInt32LE(32), body.readUInt32LE(36)]).toEqual([500_000_000, 500_000_000]);
    expectAttributes(body.subarray(40));
    expect(body[128]).toBe(0xa5);
  });

  it('an entry that says there is none', () => {
    const { reply, body } = dirty();
    expect(reply.noEntry(0, 3)).toBe(128);
    expect(body.readBigUInt64LE(0)).toBe(0n);
    expect(body.readBigUInt64LE(16)).toBe(3n);
    expect(body.subarray(24, 128).every((byte) => byte === 0)).toBe(true);
  });

  it('attributes', () => {
    const { reply, body } = dirty();
    expect(reply.attr(someStat(), 0.25)).toBe(104);
    expect(body.readBigUInt64LE(0)).toBe(0n);
    expect(body.readUInt32LE(8)).toBe(250_000_000);
    expect(body.readUInt32LE(12)).toBe(0);
    expectAttributes(body.subarray(16));
  });

  it('statx', () => {
    const { reply, body } = dirty();
    expect(reply.statx(someStat(), 1)).toBe(288);
    expect(body.readBigUInt64LE(0)).toBe(1n);
    const statx = body.subarray(32);
    expect(statx.readUInt32LE(0)).toBe(0xfff);
    expect(statx.readUInt16LE(28)).toBe(0o100644);
    expect(statx.readBigUInt64LE(40)).toBe(2n ** 45n + 2n);
    const times = [64, 80, 96, 112].map((offset) => [statx.readBigInt64LE(offset), statx.readUInt32LE(offset + 8)]);
    expect(times).toEqual([
      [-2n, 1],
      [7n, 8],
      [5n, 6],
      [2n ** 32n + 3n, 999_999_999],
    ]);
    expect([statx.readUInt32LE(128), statx.readUInt32LE(132)]).toEqual([259, 70000]);
  });

  it('statx without a birth time does not claim one', () => {
    const { reply, body } = dirty();
    const stat = someStat();
    stat.btime = 0;
    stat.btimeNsec = 0;
    reply.statx(stat, 1);
    expect(body.readUInt32LE(32)).toBe(0x7ff);
  });

  it('directory entries, padded with zeros to 8 bytes', () => {
    for (const name of ['a', 'abcdefg', 'abcdefgh', '\xff'.repeat(255)]) {
      const { reply, body } = dirty();
      const size = reply.dirent(0, name, 4, 2 ** 40, 17);
      expect(size).toBe(direntSize(name));
      expect(size % 8).toBe(0);
      expect(body.readBigUInt64LE(0)).toBe(2n ** 40n);
      expect(body.readBigUInt64LE(8)).toBe(17n);
      expect(body.readUInt32LE(16)).toBe(name.length);
      expect(body.readUInt32LE(20)).toBe(4);
      expect(body.latin1Slice(24, 24 + name.length)).toBe(name);
      expect(body.subarray(24 + name.length, size).every((byte) => byte === 0)).toBe(true);
      expect(body[size]).toBe(0xa5);
    }
  });

  it('statfs', () => {
    const { reply, body } = dirty();
    const st = new StatFs();
    Object.assign(st, { blocks: 2 ** 40, bfree: 2, bavail: 3, files: 4, ffree: 5, bsize: 6, namelen: 242, frsize: 7 });
    expect(reply.statfs(st)).toBe(80);
    const wide = [0, 8, 16, 24, 32].map((offset) => body.readBigUInt64LE(offset));
    expect(wide).toEqual([2n ** 40n, 2n, 3n, 4n, 5n]);
    expect([body.readUInt32LE(40), body.readUInt32LE(44), body.readUInt32LE(48)]).toEqual([6, 242, 7]);
  });
});

describe('device numbers', () => {
  it('go through 32 bits and back', () => {
    for (const [major, minor] of [
      [0, 0],
      [1, 3],
      [259, 70000],
      [4095, 1048575],
    ]) {
      const device = encodeDevice(major, minor);
      expect([decodeMajor(device), decodeMinor(device)]).toEqual([major, minor]);
    }
  });

  it('are the kernel\'s: /dev/null is 1:3, 0x103', () => {
    expect(encodeDevice(1, 3)).toBe(0x103);
    expect(encodeDevice(259, 70000) >>> 0).toBe(((70000 & 0xff) | (259 << 8) | ((70000 >> 8) << 20)) >>> 0);
  });
});
