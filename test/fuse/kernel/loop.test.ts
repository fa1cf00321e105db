import { describe, expect, it } from 'vitest';
import { E } from '../../../src/posix/errno.js';
import { allocate } from '../../../src/posix/memory.js';
import { ENDED, TICKED } from '../../../src/fuse/kernel/channel.js';
import { type Device, Loop } from '../../../src/fuse/kernel/loop.js';
import { Serving } from '../../../src/fuse/kernel/serving.js';
import { Suspended } from '../../../src/union/suspended.js';
import type { UnionOps } from '../../../src/fuse/kernel/union-ops.js';
import { Opcode } from '../../../src/fuse/kernel/wire.js';
import { request, unreachable } from './harness.js';
import { recorded } from './recorded.js';

/** A device that plays messages, 'tick' being an interruption, and keeps the replies. */
class Played implements Device {
  readonly requestBlock = allocate(16384);
  readonly replyBlock = allocate(16384);
  readonly sent: { error: number; unique: number }[] = [];
  sleeps = 0;
  catches = 0;
  /** Whether replies arrive. */
  deaf = false;

  constructor(private readonly script: (Buffer | 'tick')[]) {}

  receive(): number {
    const next = this.script.shift();
    if (next === undefined) return ENDED;
    if (next === 'tick') return TICKED;
    this.requestBlock.bytes.fill(0xff);
    next.copy(this.requestBlock.bytes);
    return next.length;
  }

  send(): boolean {
    const { bytes } = this.replyBlock;
    this.sent.push({ error: bytes.readInt32LE(4), unique: Number(bytes.readBigUInt64LE(8)) });
    return !this.deaf;
  }
}

const init = Buffer.from(recorded[0][3], 'hex');
const rmdir = (name: string, unique: number) => {
  const message = request(Opcode.RMDIR, Buffer.from(`${name}\0`));
  message.writeBigUInt64LE(BigInt(unique), 8);
  return message;
};

function play(device: Played, union: UnionOps, onTick: () => void = () => undefined) {
  let ready = 0;
  const { requestBlock, replyBlock } = device;
  const wishes = { posixAcl: true, passthrough: false, maxWrite: 4096 };
  const serving = new Serving(union, requestBlock, replyBlock, wishes, () => undefined, -1);
  const loop = new Loop(device, serving, onTick, () => (ready += 1));
  loop.run();
  return { loop, ready };
}

describe('Loop', () => {
  it('says once when INIT is answered, and ends with the mount', () => {
    const device = new Played([init, rmdir('a', 7), rmdir('b', 8)]);
    const { loop, ready } = play(device, unreachable({ rmdir: () => undefined }));
    expect(ready).toBe(1);
    expect(device.sent).toEqual([
      { error: 0, unique: 2 },
      { error: 0, unique: 7 },
      { error: 0, unique: 8 },
    ]);
    expect(loop.stats().requests).toBe(3);
  });

  it('goes on after a defect in what nobody waits for', () => {
    const defect = (): never => {
      throw new TypeError('a defect');
    };
    const device = new Played([init, rmdir('a', 7), 'tick', rmdir('b', 8)]);
    play(device, unreachable({ rmdir: () => undefined, settled: defect }), defect);
    expect(device.sent.map(({ unique }) => unique)).toEqual([2, 7, 8]);
  });

  it('ends with the reason where the kernel is too old', () => {
    const old = Buffer.from(init);
    old.writeUInt32LE(12, 44);
    expect(() => play(new Played([old]), unreachable())).toThrow(/7\.12/);
  });

  it('serves a suspended request again when its time has come, and others meanwhile', () => {
    const resumed: (() => void)[] = [];
    const seen: string[] = [];
    let copied = false;
    const union = unreachable({
      rmdir: (_parent, name) => {
        seen.push(name);
        if (name === 'slow' && !copied) throw new Suspended({ wait: (again) => void resumed.push(again), interrupt: () => true });
      },
    });
    const device = new Played([init, rmdir('slow', 5), rmdir('quick', 6), 'tick', rmdir('last', 7)]);
    play(device, union, () => {
      copied = true;
      for (const again of resumed) {
        again();
        again();
      }
    });
    expect(seen).toEqual(['slow', 'quick', 'slow', 'last']);
    expect(device.sent.map(({ unique }) => unique)).toEqual([2, 6, 5, 7]);
  });

  it('answers an interrupted request that waits, if what it waits for can be left, and no other', () => {
    const left: boolean[] = [];
    const union = unreachable({
      rmdir: (_parent, name) => {
        if (name === 'done') return;
        const work = { wait: () => undefined, interrupt: (_again: () => void, dying: boolean) => left.push(dying) > 0 && name === 'slow' };
        throw new Suspended(work);
      },
    });
    const interrupt = (unique: number) => {
      const body = Buffer.alloc(8);
      body.writeBigUInt64LE(BigInt(unique));
      return request(Opcode.INTERRUPT, body);
    };
    const device = new Played([
      init, rmdir('slow', 5), rmdir('stubborn', 6), rmdir('done', 7), interrupt(7), interrupt(6), interrupt(5), interrupt(5),
    ]);
    const { loop } = play(device, union);
    expect(device.sent.slice(1)).toEqual([{ error: 0, unique: 7 }, { error: -E.EINTR, unique: 5 }]);
    expect(left).toHaveLength(2);
    expect(loop.stats().suspended).toBe(1);
  });

  it('takes back what a reply that did not arrive handed out', () => {
    const node = { id: 4, generation: 1, lookups: 0 };
    const union = unreachable({
      nodes: { get: (id) => ({ id, generation: 1, lookups: 1 }), forget: (one, count) => void (one.lookups -= count) },
      lookup: () => node,
    });
    const lookup = request(Opcode.LOOKUP, Buffer.from('a\0'));
    play(new Played([init, lookup, lookup]), union);
    expect(node.lookups).toBe(2);
    const deaf = new Played([init, lookup]);
    deaf.deaf = true;
    play(deaf, union);
    expect(node.lookups).toBe(2);
  });

  it('hears messages even when requests never cease', () => {
    let ticks = 0;
    const many = Array.from({ length: 1000 }, (_, i) => rmdir('a', i + 10));
    play(new Played([init, ...many]), unreachable({ rmdir: () => undefined }), () => (ticks += 1));
    expect(ticks).toBeGreaterThan(10);
  });

  it('answers whatever an operation does', () => {
    const union = unreachable({
      rmdir: () => {
        throw 'not even an Error' as unknown as Error;
      },
    });
    const device = new Played([init, rmdir('a', 3)]);
    play(device, union);
    expect(device.sent[1]).toEqual({ error: -E.EIO, unique: 3 });
  });
});
