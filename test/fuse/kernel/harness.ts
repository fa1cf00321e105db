import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allocate } from '../../../src/posix/memory.js';
import { Dispatcher } from '../../../src/fuse/kernel/dispatch.js';
import { Serving } from '../../../src/fuse/kernel/serving.js';
import type { UnionOps } from '../../../src/fuse/kernel/union-ops.js';
import { IN_HEADER_SIZE, InHeader } from '../../../src/fuse/kernel/wire.js';

export interface Answer {
  length: number;
  /** 0 or -errno. */
  error: number;
  body: Buffer;
}

/** A dispatcher without a device: bytes in, bytes out. */
export class Harness {
  readonly logged: string[] = [];
  readonly serving: Serving;
  readonly dispatcher: Dispatcher;
  private readonly requestBlock = allocate(16384);
  private readonly replyBlock = allocate(16384);

  constructor(readonly union: UnionOps) {
    this.serving = new Serving(
      union,
      this.requestBlock,
      this.replyBlock,
      { posixAcl: true, passthrough: true, maxWrite: 1024 * 1024 },
      (_level, message) => void this.logged.push(message),
      -1,
    );
    this.dispatcher = new Dispatcher(this.serving);
  }

  /** Dispatches a message; null when there is no reply. What follows the message in the block is garbage. */
  send(message: Buffer): Answer | null {
    message.copy(this.requestBlock.bytes);
    this.requestBlock.bytes.fill(0xff, message.length, message.length + 512);
    const length = this.dispatcher.dispatch(message.length);
    if (length === 0) return null;
    const reply = this.replyBlock.bytes;
    return { length, error: reply.readInt32LE(4), body: Buffer.from(reply.subarray(16, length)) };
  }
}

/** A request of uid 1000 to node 1. */
export function request(opcode: number, body: Buffer, nodeid = 1): Buffer {
  const header = Buffer.alloc(IN_HEADER_SIZE);
  header.writeUInt32LE(IN_HEADER_SIZE + body.length, InHeader.len);
  header.writeUInt32LE(opcode, InHeader.opcode);
  header.writeBigUInt64LE(42n, InHeader.unique);
  header.writeBigUInt64LE(BigInt(nodeid), InHeader.nodeid);
  header.writeUInt32LE(1000, InHeader.uid);
  header.writeUInt32LE(1001, InHeader.gid);
  header.writeUInt32LE(4321, InHeader.pid);
  return Buffer.concat([header, body]);
}

/** A union of which no method may be reached; `methods` are those that may. */
export function unreachable(methods: Partial<UnionOps> = {}): UnionOps {
  const base = {
    caller: { uid: 0, gid: 0, pid: 0, umask: 0 },
    cacheSeconds: () => 1,
    attributeSeconds: () => 1,
    settled: () => undefined,
    allResumed: () => undefined,
    nodes: {
      get: (id: number) => ({ id, generation: 1, lookups: 1 }),
      forget: () => {
        throw new Error('forget was reached');
      },
    },
    ...methods,
  };
  return new Proxy(base, {
    get: (target, name) => {
      if (name in target) return target[name as keyof typeof target];
      return () => {
        throw new Error(`${String(name)} was reached`);
      };
    },
  }) as unknown as UnionOps;
}

/** A directory that is removed afterwards. */
export function scratch(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'tsaufs-fuse-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
