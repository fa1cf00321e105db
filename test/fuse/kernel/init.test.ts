import { describe, expect, it } from 'vitest';
import { E } from '../../../src/posix/errno.js';
import { type Negotiated, negotiate } from '../../../src/fuse/kernel/init.js';
import { InitFlag, InitFlag2, InitOut, Opcode } from '../../../src/fuse/kernel/wire.js';
import { Harness, request, unreachable } from './harness.js';
import { recorded } from './recorded.js';

const wishes = { posixAcl: true, passthrough: true, maxWrite: 1024 * 1024 };

/** Every flag up to and with this one. */
const upTo = (flag: number) => ((flag << 1) - 1) | 0;

function agree(minor: number, flags: number, flags2 = 0): Negotiated {
  const agreed = negotiate({ major: 7, minor, maxReadahead: 131072, flags, flags2 }, wishes);
  if (typeof agreed === 'string') throw new Error(agreed);
  return agreed;
}

describe('negotiate', () => {
  it('7.23 (Linux 3.15): writes of 32 pages, nothing later than its flags', () => {
    const offered = upTo(InitFlag.NO_OPEN_SUPPORT);
    const agreed = agree(23, offered);
    expect(agreed.minor).toBe(23);
    expect(agreed.flags & ~offered).toBe(0);
    expect(agreed.maxWrite).toBe(128 * 1024);
    expect(agreed.maxPages).toBe(0);
    expect(agreed.posixAcl).toBe(false);
    expect(agreed.setxattrExt).toBe(false);
    expect(agreed.passthrough).toBe(false);
    expect(agreed.flags & InitFlag.DO_READDIRPLUS).toBe(InitFlag.DO_READDIRPLUS);
  });

  it('7.31 (Linux 5.4): large requests and ACLs, the short SETXATTR', () => {
    const agreed = agree(31, upTo(InitFlag.MAP_ALIGNMENT));
    expect(agreed.maxWrite).toBe(1024 * 1024);
    expect(agreed.maxPages).toBe(256);
    expect(agreed.posixAcl).toBe(true);
    expect(agreed.setxattrExt).toBe(false);
    expect(agreed.flags & InitFlag.HANDLE_KILLPRIV_V2).toBe(0);
  });

  it('7.36 (Linux 5.17): the long SETXATTR, no passthrough yet', () => {
    const agreed = agree(36, upTo(InitFlag.INIT_EXT), InitFlag2.SECURITY_CTX);
    expect(agreed.setxattrExt).toBe(true);
    expect(agreed.flags & InitFlag.INIT_EXT).toBe(InitFlag.INIT_EXT);
    expect(agreed.flags2).toBe(0);
    expect(agreed.maxStackDepth).toBe(0);
  });

  it('7.45: passthrough with one layer below', () => {
    const agreed = agree(45, upTo(InitFlag.INIT_EXT), 0x7ff);
    expect(agreed.passthrough).toBe(true);
    expect(agreed.flags2).toBe(InitFlag2.PASSTHROUGH);
    expect(agreed.maxStackDepth).toBe(1);
  });

  it('a newer kernel is answered in our minor', () => {
    expect(agree(60, 0).minor).toBe(45);
  });

  it('what was not wished for is not asked for', () => {
    const all = upTo(InitFlag.INIT_EXT);
    const agreed = negotiate(
      { major: 7, minor: 45, maxReadahead: 0, flags: all, flags2: 0x7ff },
      { posixAcl: false, passthrough: false, maxWrite: 4096 },
    );
    expect(agreed).toMatchObject({ posixAcl: false, passthrough: false, flags2: 0, maxWrite: 4096, maxPages: 1 });
    const { flags } = agreed as Negotiated;
    expect(flags & InitFlag.POSIX_ACL).toBe(0);
    // The kernel would do these itself, wrongly for a union or not at all as we do them.
    expect(flags & (InitFlag.WRITEBACK_CACHE | InitFlag.NO_OPEN_SUPPORT | InitFlag.POSIX_LOCKS)).toBe(0);
  });

  it('refuses what is too old, in words', () => {
    expect(negotiate({ major: 7, minor: 22, maxReadahead: 0, flags: 0, flags2: 0 }, wishes)).toMatch(/7\.22/);
    expect(negotiate({ major: 6, minor: 99, maxReadahead: 0, flags: 0, flags2: 0 }, wishes)).toMatch(/6\.99/);
  });
});

describe('INIT', () => {
  it('as Linux 6.18 sends it', () => {
    const harness = new Harness(unreachable());
    const answer = harness.send(Buffer.from(recorded[0][3], 'hex'));
    expect(answer).toMatchObject({ length: 80, error: 0 });
    const body = answer!.body;
    expect(body.readUInt32LE(InitOut.major)).toBe(7);
    expect(body.readUInt32LE(InitOut.minor)).toBe(45);
    expect(body.readUInt32LE(InitOut.maxReadahead)).toBe(131072);
    expect(body.readUInt32LE(InitOut.flags)).toBe(harness.serving.negotiated!.flags >>> 0);
    expect(body.readUInt16LE(InitOut.maxBackground)).toBe(64);
    expect(body.readUInt16LE(InitOut.congestionThreshold)).toBe(48);
    expect(body.readUInt32LE(InitOut.maxWrite)).toBe(1024 * 1024);
    expect(body.readUInt32LE(InitOut.timeGran)).toBe(1);
    expect(body.readUInt16LE(InitOut.maxPages)).toBe(256);
    expect(body.readUInt32LE(InitOut.flags2)).toBe(InitFlag2.PASSTHROUGH);
    expect(body.readUInt32LE(InitOut.maxStackDepth)).toBe(1);
    expect(body.subarray(40).every((byte) => byte === 0)).toBe(true);
  });

  it('without the extension, as before 7.36: what follows the flags is not read', () => {
    const harness = new Harness(unreachable());
    const body = Buffer.alloc(16);
    body.writeUInt32LE(7, 0);
    body.writeUInt32LE(31, 4);
    body.writeInt32LE(upTo(InitFlag.INIT_EXT), 12);
    expect(harness.send(request(Opcode.INIT, body, 0))).toMatchObject({ length: 80, error: 0 });
    expect(harness.serving.negotiated).toMatchObject({ minor: 31, flags2: 0, passthrough: false });
    expect(harness.serving.negotiated!.flags & InitFlag.INIT_EXT).toBe(0);
  });

  it('of a newer major is told ours and agrees to nothing', () => {
    const harness = new Harness(unreachable());
    const body = Buffer.alloc(64);
    body.writeUInt32LE(8, 0);
    const answer = harness.send(request(Opcode.INIT, body, 0));
    expect(answer).toMatchObject({ error: 0 });
    expect(answer!.body.readUInt32LE(0)).toBe(7);
    expect(harness.serving.negotiated).toBeNull();
    expect(harness.serving.refusal).toBeNull();
  });

  it('of a kernel that is too old is refused', () => {
    const harness = new Harness(unreachable());
    const body = Buffer.alloc(16);
    body.writeUInt32LE(7, 0);
    body.writeUInt32LE(12, 4);
    expect(harness.send(request(Opcode.INIT, body, 0))).toMatchObject({ error: -E.EPROTO });
    expect(harness.serving.refusal).toMatch(/7\.12/);
  });
});
