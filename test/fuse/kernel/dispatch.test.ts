import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { E, Errno } from '../../../src/posix/errno.js';
import { Suspended } from '../../../src/union/suspended.js';
import type { UnionOps } from '../../../src/fuse/kernel/union-ops.js';
import type { SetAttr } from '../../../src/union/attributes.js';
import { Opcode } from '../../../src/fuse/kernel/wire.js';
import { Loopback } from '../loopback.js';
import { Harness, request, scratch, unreachable } from './harness.js';
import { recorded } from './recorded.js';

const isRoot = process.getuid?.() === 0;

describe('a recorded session', () => {
  let directory: ReturnType<typeof scratch>;
  let union: Loopback;
  beforeEach(() => {
    directory = scratch();
    union = new Loopback(directory.path);
  });
  afterEach(() => {
    union.close();
    directory.remove();
  });

  it.runIf(isRoot)('replayed on an empty directory is answered as it was', () => {
    const harness = new Harness(union);
    for (const [operation, length, error, hex] of recorded) {
      const answer = harness.send(Buffer.from(hex, 'hex'));
      expect([operation, answer?.length ?? 0, answer?.error ?? 0]).toEqual([operation, length, error]);
    }
    expect(harness.logged).toEqual([]);
    expect(readdirSync(directory.path).sort()).toEqual(['fifo', 'file', 'renamed']);
    // All but the root were forgotten or are still known; all handles but the one never closed are gone.
    expect(union.dirs.size).toBe(0);
    expect(union.files.size).toBe(0);
  });

  it('never throws on random bodies', () => {
    const harness = new Harness(union);
    let seed = 12345;
    const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x80000000;
    const opcodes = Object.values(Opcode).filter((opcode) => opcode !== Opcode.INIT);
    for (let i = 0; i < 5000; i += 1) {
      // Small numbers, so that node ids and handles are sometimes right.
      const body = Buffer.from(Array.from({ length: Math.floor(random() * 120) }, () => Math.floor(random() ** 8 * 256)));
      const opcode = opcodes[Math.floor(random() * opcodes.length)];
      const answer = harness.send(request(opcode, body, Math.floor(random() * 4)));
      if (answer !== null) expect(answer.length).toBe(16 + answer.body.length);
    }
    expect(harness.logged.filter((line) => !line.startsWith('malformed'))).toEqual([]);
  });
});

describe('a truncated request', () => {
  /** Those that have no body we read, and are refused or accepted at any length. */
  const bodiless = ['READLINK', 'STATFS', 'FLUSH', 'IOCTL', 'POLL'];

  it.each(recorded.filter(([name]) => name !== 'INIT' && !bodiless.includes(name)))(
    '%s is EIO at every length',
    (operation, _length, _error, hex) => {
      const whole = Buffer.from(hex, 'hex');
      // RELEASE and its like end in fields nobody reads; they count as the body all the same.
      for (let length = 0; length < whole.length; length += 1) {
        for (const headerTells of [false, true]) {
          const harness = new Harness(unreachable());
          // SETXATTR has its long form only once that is agreed on.
          harness.send(Buffer.from(recorded[0][3], 'hex'));
          const cut = Buffer.from(whole.subarray(0, length));
          if (headerTells && length >= 4) cut.writeUInt32LE(length, 0);
          const answer = harness.send(cut);
          expect(harness.logged.length, `${operation} cut to ${length}`).toBe(1);
          expect(harness.logged[0]).toMatch(/^malformed FUSE request/);
          const unanswered = length < 40 || operation === 'FORGET' || operation === 'BATCH_FORGET';
          if (unanswered) expect(answer).toBeNull();
          else expect(answer).toMatchObject({ length: 16, error: -E.EIO });
        }
      }
    },
  );

  it('is logged once a kind', () => {
    const harness = new Harness(unreachable());
    for (let i = 0; i < 3; i += 1) {
      harness.send(request(Opcode.LOOKUP, Buffer.from('abc')));
      harness.send(request(Opcode.GETATTR, Buffer.alloc(3)));
    }
    expect(harness.logged).toHaveLength(2);
  });
});

describe('the dispatcher', () => {
  it('answers an unknown operation ENOSYS, and goes on', () => {
    const harness = new Harness(unreachable());
    for (const opcode of [0, 7, 19, 53 + 1, 4096, 0xffffffff]) {
      expect(harness.send(request(opcode, Buffer.alloc(8)))).toMatchObject({ error: -E.ENOSYS, length: 16 });
    }
  });

  it('answers what it leaves to the kernel', () => {
    const harness = new Harness(unreachable());
    const error = (opcode: number) => harness.send(request(opcode, Buffer.alloc(64)))?.error;
    expect(error(Opcode.FLUSH)).toBe(-E.ENOSYS);
    expect(error(Opcode.ACCESS)).toBe(-E.ENOSYS);
    expect(error(Opcode.POLL)).toBe(-E.ENOSYS);
    expect(error(Opcode.BMAP)).toBe(-E.ENOSYS);
    expect(error(Opcode.GETLK)).toBe(-E.ENOSYS);
    expect(error(Opcode.IOCTL)).toBe(-E.ENOTTY);
    expect(error(Opcode.DESTROY)).toBe(0);
    expect(harness.send(request(Opcode.INTERRUPT, Buffer.alloc(8)))).toBeNull();
    expect(harness.logged).toEqual([]);
  });

  it('passes an errno on, thrown or returned', () => {
    const harness = new Harness(
      unreachable({
        rmdir: () => {
          throw new Errno(E.ENOTEMPTY);
        },
        getxattr: () => -E.ENODATA,
      }),
    );
    expect(harness.send(request(Opcode.RMDIR, Buffer.from('d\0')))).toMatchObject({ error: -E.ENOTEMPTY });
    const getxattr = Buffer.concat([Buffer.alloc(8), Buffer.from('user.a\0')]);
    expect(harness.send(request(Opcode.GETXATTR, getxattr))).toMatchObject({ error: -E.ENODATA });
    expect(harness.logged).toEqual([]);
  });

  it('answers a defect EIO, with the stack in the log', () => {
    const harness = new Harness(unreachable());
    expect(harness.send(request(Opcode.UNLINK, Buffer.from('a\0')))).toMatchObject({ error: -E.EIO });
    expect(harness.logged).toEqual(['UNLINK failed unexpectedly and was answered EIO']);
  });

  it('answers an unknown node ESTALE and an unknown handle EBADF', () => {
    const nodes = { get: () => undefined, forget: () => undefined };
    const stale = new Harness(unreachable({ nodes }));
    expect(stale.send(request(Opcode.GETATTR, Buffer.alloc(16), 99))).toMatchObject({ error: -E.ESTALE });
    expect(stale.send(request(Opcode.FORGET, Buffer.alloc(8), 99))).toBeNull();
    const closed = new Harness(unreachable({ fileHandle: () => undefined, dirHandle: () => undefined }));
    expect(closed.send(request(Opcode.READ, Buffer.alloc(40)))).toMatchObject({ error: -E.EBADF });
    expect(closed.send(request(Opcode.READDIR, Buffer.alloc(40)))).toMatchObject({ error: -E.EBADF });
  });

  it('tells the union who calls', () => {
    const callers: object[] = [];
    const union: UnionOps = unreachable({
      mkdir: (_parent, _name, _mode, out) => {
        callers.push({ ...union.caller });
        out.mode = 0o040755;
        return { id: 2, generation: 1, lookups: 0 };
      },
    });
    const body = Buffer.alloc(8 + 2);
    body.writeUInt32LE(0o777, 0);
    body.writeUInt32LE(0o077, 4);
    body.write('d', 8);
    expect(new Harness(union).send(request(Opcode.MKDIR, body))).toMatchObject({ error: 0 });
    expect(callers).toEqual([{ uid: 1000, gid: 1001, pid: 4321, umask: 0o077 }]);
  });

  it('passes setattr on without the bits of the protocol', () => {
    const seen: SetAttr[] = [];
    const union = unreachable({ setattr: (_node, _handle, change) => void seen.push({ ...change }) });
    const body = Buffer.alloc(88);
    body.writeUInt32LE(0b0010_0000_1001, 0);
    body.writeBigUInt64LE(2n ** 41n, 16);
    body.writeUInt32LE(0o100600, 68);
    new Harness(union).send(request(Opcode.SETATTR, body));
    expect(seen[0]).toMatchObject({ valid: 0b1001, size: 2 ** 41, mode: 0o100600 });
  });

  it('answers a missing name with a node id of 0 where the kernel may remember that', () => {
    const remembered = new Harness(unreachable({ lookup: () => null, cacheSeconds: () => 5 }));
    const answer = remembered.send(request(Opcode.LOOKUP, Buffer.from('a\0')));
    expect(answer).toMatchObject({ error: 0, length: 144 });
    expect(answer!.body.readBigUInt64LE(0)).toBe(0n);
    const not = new Harness(unreachable({ lookup: () => null, cacheSeconds: () => 0 }));
    expect(not.send(request(Opcode.LOOKUP, Buffer.from('a\0')))).toMatchObject({ error: -E.ENOENT, length: 16 });
  });

  it('counts lookups, and takes them back when the reply is lost', () => {
    const node = { id: 9, generation: 1, lookups: 0 };
    const handle = { id: 3, node, keepCache: true, direct: false, fd: -1, passable: false, passed: false };
    const released: object[] = [];
    const harness = new Harness(
      unreachable({
        nodes: { get: (id) => ({ id, generation: 1, lookups: 1 }), forget: (one, count) => void (one.lookups -= count) },
        create: () => handle,
        release: (one) => void released.push(one),
      }),
    );
    const create = request(Opcode.CREATE, Buffer.concat([Buffer.alloc(16), Buffer.from('f\0')]));
    const answer = harness.send(create);
    expect(answer).toMatchObject({ error: 0, length: 16 + 128 + 16 });
    expect(answer!.body.readBigUInt64LE(128)).toBe(3n);
    expect(answer!.body.readUInt32LE(136)).toBe(2);
    expect(node.lookups).toBe(1);

    harness.serving.takeBack();
    expect(node.lookups).toBe(0);
    expect(released).toEqual([handle]);
    harness.serving.takeBack();
    expect(released).toHaveLength(1);
  });

  it('fills a directory reply no further than asked, and counts only what it took', () => {
    const names = Array.from({ length: 100 }, (_, i) => `name-${i}`);
    const nodes = names.map((_, i) => ({ id: 100 + i, generation: 1, lookups: 0 }));
    const dir = { id: 1, node: nodes[0], cacheable: true };
    const harness = new Harness(
      unreachable({
        dirHandle: () => dir,
        readdirplus: (_handle, cookie, _out, sink) => {
          for (let i = cookie; i < names.length; i += 1) if (!sink(names[i], 8, 5, i + 1, nodes[i])) return;
        },
      }),
    );
    const ask = (cookie: number) => {
      const body = Buffer.alloc(40);
      body.writeBigUInt64LE(BigInt(cookie), 8);
      body.writeUInt32LE(1000, 16);
      return harness.send(request(Opcode.READDIRPLUS, body))!;
    };
    const first = ask(0);
    expect(first.error).toBe(0);
    const taken = nodes.filter((node) => node.lookups === 1).length;
    expect(first.body.length).toBe(taken * (128 + 32));
    expect(first.body.length).toBeLessThanOrEqual(1000);
    ask(taken);
    expect(nodes.filter((node) => node.lookups === 1).length).toBe(2 * taken);
    expect(ask(names.length)).toMatchObject({ error: 0, length: 16 });
  });

  it('lets Suspended through', () => {
    const suspended = new Suspended({ wait: () => undefined, interrupt: () => true });
    const harness = new Harness(
      unreachable({
        rmdir: () => {
          throw suspended;
        },
      }),
    );
    expect(() => harness.send(request(Opcode.RMDIR, Buffer.from('d\0')))).toThrow(suspended);
    expect(harness.logged).toEqual([]);
    expect(harness.dispatcher.counts[Opcode.RMDIR]).toBe(0);
  });
});
