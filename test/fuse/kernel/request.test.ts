import { describe, expect, it } from 'vitest';
import { allocate } from '../../../src/posix/memory.js';
import { Malformed, Request } from '../../../src/fuse/kernel/request.js';
import {
  CreateIn,
  FallocateIn,
  LseekIn,
  MkdirIn,
  MknodIn,
  Opcode,
  opcodeName,
  Rename2In,
  SetattrIn,
  SetAttrValid,
  SetxattrIn,
  StatxIn,
  WriteIn,
} from '../../../src/fuse/kernel/wire.js';
import { recorded } from './recorded.js';

/** The `nth` recorded request of an operation, in a block with garbage behind it. */
function recordedRequest(operation: string, nth = 0): Request {
  const found = recorded.filter(([name]) => name === operation)[nth];
  return requestOf(Buffer.from(found[3], 'hex'));
}

function requestOf(message: Buffer): Request {
  const block = allocate(8192);
  block.bytes.fill(0xff);
  message.copy(block.bytes);
  const request = new Request(block);
  request.length = message.length;
  return request;
}

describe('requests recorded from the kernel', () => {
  it('have the header the protocol says', () => {
    for (const [operation, , , hex] of recorded) {
      const request = requestOf(Buffer.from(hex, 'hex'));
      expect(opcodeName(request.opcode)).toBe(operation);
      expect(request.claimedLength).toBe(hex.length / 2);
      expect(request.uid).toBe(0);
      expect(request.gid).toBe(0);
    }
  });

  it('mkdir: mode and umask apart, then the name', () => {
    const request = recordedRequest('MKDIR');
    expect(request.nodeid).toBe(1);
    expect(request.u32At(MkdirIn.mode)).toBe(0o775);
    expect(request.u32At(MkdirIn.umask)).toBe(0o027);
    expect(request.name(MkdirIn.SIZE)).toBe('dir');
  });

  it('mknod: the type in the mode', () => {
    const request = recordedRequest('MKNOD');
    expect(request.u32At(MknodIn.mode)).toBe(0o010666);
    expect(request.u32At(MknodIn.umask)).toBe(0o027);
    expect(request.name(MknodIn.SIZE)).toBe('fifo');
  });

  it('symlink: two names', () => {
    const request = recordedRequest('SYMLINK');
    expect(request.name(0)).toBe('symlink');
    expect(request.nextName()).toBe('target');
  });

  it('create: flags with O_CREAT, mode with the file type', () => {
    const request = recordedRequest('CREATE');
    expect(request.u32At(CreateIn.flags) & 0o3).toBe(2);
    expect(request.u32At(CreateIn.flags) & 0o100).toBe(0o100);
    expect(request.u32At(CreateIn.mode)).toBe(0o100664);
    expect(request.name(CreateIn.SIZE)).toBe('file');
  });

  it('write: the data behind the structure', () => {
    const request = recordedRequest('WRITE');
    expect(request.u64At(WriteIn.offset)).toBe(0);
    expect(request.u32At(WriteIn.size)).toBe(12);
    expect(request.remaining(WriteIn.SIZE)).toBe(12);
    const data = request.addressAt(WriteIn.SIZE) - request.block.address;
    expect(request.block.bytes.latin1Slice(data, data + 12)).toBe('hello world\n');
  });

  it('fallocate and lseek', () => {
    const fallocate = recordedRequest('FALLOCATE');
    expect(fallocate.u64At(FallocateIn.offset)).toBe(0);
    expect(fallocate.u64At(FallocateIn.length)).toBe(8192);
    const lseek = recordedRequest('LSEEK');
    expect(lseek.i64At(LseekIn.offset)).toBe(0);
    expect(lseek.u32At(LseekIn.whence)).toBe(4);
  });

  it('setattr: size, owner, mode, and times before 1970', () => {
    const truncate = recordedRequest('SETATTR', 0);
    expect(truncate.u32At(SetattrIn.valid) & SetAttrValid.SIZE).toBe(SetAttrValid.SIZE);
    expect(truncate.u64At(SetattrIn.size)).toBe(5);

    const chown = recordedRequest('SETATTR', 1);
    expect(chown.u32At(SetattrIn.uid)).toBe(1);
    expect(chown.u32At(SetattrIn.gid)).toBe(2);

    const chmod = recordedRequest('SETATTR', 2);
    expect(chmod.u32At(SetattrIn.mode) & 0o7777).toBe(0o640);

    const utimens = recordedRequest('SETATTR', 3);
    expect(utimens.i64At(SetattrIn.atime)).toBe(-6);
    expect(utimens.u32At(SetattrIn.atimeNsec)).toBe(500_000_000);
    expect(utimens.i64At(SetattrIn.mtime)).toBe(1_600_000_000);
    expect(utimens.u32At(SetattrIn.mtimeNsec)).toBe(123_456_789);
  });

  it('setxattr in its long form: name, then value', () => {
    const request = recordedRequest('SETXATTR');
    expect(request.u32At(SetxattrIn.size)).toBe(5);
    expect(request.name(SetxattrIn.SIZE)).toBe('user.name');
    const value = request.addressAt(request.afterName) - request.block.address;
    expect(request.block.bytes.latin1Slice(value, value + 5)).toBe('value');
  });

  it('rename2: flags and two names', () => {
    const request = recordedRequest('RENAME2');
    expect(request.u64At(Rename2In.newdir)).toBe(1);
    expect(request.u32At(Rename2In.flags)).toBe(2);
    expect(request.name(Rename2In.SIZE)).toBe('renamed');
    expect(request.nextName()).toBe('fifo');
  });

  it('statx: the mask asked for', () => {
    expect(recordedRequest('STATX').u32At(StatxIn.sxMask)).toBe(0xfff);
  });
});

describe('Request', () => {
  const withBody = (body: Buffer) => requestOf(Buffer.concat([Buffer.alloc(40), body]));

  it('reads 64-bit numbers, signed and not', () => {
    const body = Buffer.alloc(24);
    body.writeBigUInt64LE(2n ** 53n - 1n, 0);
    body.writeBigInt64LE(-1n, 8);
    body.writeBigInt64LE(-(2n ** 40n), 16);
    const request = withBody(body);
    expect(request.u64At(0)).toBe(2 ** 53 - 1);
    expect(request.i64At(8)).toBe(-1);
    expect(request.i64At(16)).toBe(-(2 ** 40));
  });

  it('refuses places in a file that a number does not hold', () => {
    const place = (value: bigint): number => {
      const body = Buffer.alloc(8);
      body.writeBigUInt64LE(value);
      return withBody(body).placeAt(0);
    };
    for (const exact of [0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 62n + 4096n]) expect(BigInt(place(exact))).toBe(exact);
    for (const inexact of [2n ** 53n + 1n, 2n ** 62n + 1n, 2n ** 63n - 1n]) expect(() => place(inexact)).toThrow('too large');
  });

  it('keeps every byte of a name', () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, i) => i + 1));
    expect(withBody(Buffer.concat([bytes, Buffer.alloc(1)])).name(0)).toBe(bytes.toString('latin1'));
  });

  it('does not read a name beyond its message', () => {
    expect(() => withBody(Buffer.from('abc')).name(0)).toThrow(Malformed);
    const twoNames = withBody(Buffer.from('abc\0def'));
    expect(twoNames.name(0)).toBe('abc');
    expect(() => twoNames.nextName()).toThrow(Malformed);
  });

  it('knows its opcode by name', () => {
    expect(opcodeName(Opcode.LOOKUP)).toBe('LOOKUP');
    expect(opcodeName(999)).toBe('opcode 999');
  });
});
