// Requests as a kernel would never send them, given to the dispatcher over a real union.
import { chmodSync, linkSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Dispatcher } from '../../src/fuse/kernel/dispatch.js';
import { Serving } from '../../src/fuse/kernel/serving.js';
import {
  BatchForgetIn, CopyFileRangeIn, CreateIn, ENTRY_OUT_SIZE, FallocateIn, ForgetIn, FsyncIn, GetattrIn, GetxattrIn, IN_HEADER_SIZE, InHeader,
  LinkIn, LseekIn, MkdirIn, MknodIn, Opcode, OpenIn, ReadIn, ReleaseIn, Rename2In, RenameIn, SetattrIn, SetxattrIn, StatxIn, WriteIn,
} from '../../src/fuse/kernel/wire.js';
import { E } from '../../src/posix/errno.js';
import { allocate } from '../../src/posix/memory.js';
import { defaultUnionOptions } from '../../src/union/options.js';
import { Union } from '../../src/union/union.js';
import { branchSpec } from '../union/helpers.js';
import type { Random } from './random.js';

const MAX_WRITE = 65_536;
const opcodes = Object.values(Opcode).filter((code) => code !== Opcode.INIT && code !== Opcode.DESTROY);

const gone: number[] = [Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.RELEASE, Opcode.RELEASEDIR, Opcode.UNLINK, Opcode.RENAME, Opcode.RENAME2];
const made: number[] = [Opcode.LOOKUP, Opcode.CREATE, Opcode.MKDIR, Opcode.OPEN, Opcode.OPENDIR, Opcode.LINK, Opcode.READDIRPLUS, Opcode.WRITE];

const longest = 'n'.repeat(242);
const names = [
  'a', 'b', 'd', 'e', 'low', 'dir', 'sub', 'link', 'up', 'loop', 'fifo', 'hard1', 'hard2', 'n\xff\xfe', '\xc3', longest, 'opaque', 'wh-dir', 'X',
  '', '.', '..', '/', 'a/b', '../outside', '/etc', '.wh.', '.wh.a', '.wh..wh..opq', '.wh..wh.plnk', '.wh..wh.orph', '.wh..wh.aufs', '.wh..wh.x',
  'n'.repeat(243), 'n'.repeat(255), 'n'.repeat(256), 'n'.repeat(4096), 'user.a', 'user.', 'system.posix_acl_access', 'trusted.x', 'security.capability',
];
const numbers = [
  0n, 1n, 2n, 3n, 7n, 8n, 24n, 40n, 128n, 255n, 4095n, 4096n, 65535n, 65536n, 65537n, 2n ** 20n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n,
  2n ** 52n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n,
];

/** Where the union's branches lie, and what lies around them. */
export interface Ground {
  upper: string;
  lower: string;
  outside: string;
}

/** Branches with all kinds of things, and symlinks that lead out of them. `home` is on a file system without devices. */
export function prepareGround(home: string): Ground {
  const ground = { upper: join(home, 'upper'), lower: join(home, 'lower'), outside: join(home, 'outside') };
  for (const path of Object.values(ground)) mkdirSync(path);
  writeFileSync(join(ground.outside, 'a'), 'outside');
  for (const branch of [ground.upper, ground.lower]) {
    mkdirSync(join(branch, 'dir/sub'), { recursive: true });
    mkdirSync(join(branch, 'wh-dir/.wh.low'), { recursive: true });
    mkdirSync(join(branch, 'opaque/.wh..wh..opq'), { recursive: true });
    for (const name of ['a', 'dir/b', 'dir/sub/e', 'hard1', longest, 'wh-dir/low', 'n'.repeat(250)]) writeFileSync(join(branch, name), `${branch} ${name}`);
    linkSync(join(branch, 'hard1'), join(branch, 'hard2'));
    symlinkSync('../outside', join(branch, 'up'));
    symlinkSync('loop', join(branch, 'loop'));
  }
  for (const name of ['low', 'dir/low', 'opaque/low']) writeFileSync(join(ground.lower, name), name);
  writeFileSync(join(ground.upper, '.wh.e'), '');
  chmodSync(ground.outside, 0o755);
  return ground;
}

/** A line for everything below a directory: to see that it is as it was. */
export function describeAll(root: string): string[] {
  const lines: string[] = [];
  const visit = (path: string, name: string): void => {
    const st = lstatSync(path);
    const content = st.isFile() ? readFileSync(path, 'latin1') : st.isSymbolicLink() ? readlinkSync(path) : '';
    lines.push(`${name} ${st.mode.toString(8)} ${String(st.uid)} ${String(st.nlink)} ${String(st.mtimeMs)} ${content}`);
    if (st.isDirectory()) for (const child of readdirSync(path).sort()) visit(join(path, child), `${name}/${child}`);
  };
  visit(root, '');
  return lines;
}

/** Builds bodies field by field. */
class Body {
  private readonly data: Buffer;
  private readonly tail: Buffer[] = [];

  constructor(size: number, random: Random) {
    this.data = random.once(3) ? random.bytes(size) : Buffer.alloc(size);
  }

  u32(offset: number, value: number | bigint): this {
    this.data.writeUInt32LE(Number(BigInt(value) & 0xffffffffn), offset);
    return this;
  }

  u64(offset: number, value: number | bigint): this {
    this.data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), offset);
    return this;
  }

  name(name: string): this {
    this.tail.push(Buffer.from(`${name}\0`, 'latin1'));
    return this;
  }

  raw(data: Buffer): this {
    this.tail.push(data);
    return this;
  }

  done(): Buffer {
    return Buffer.concat([this.data, ...this.tail]);
  }
}

export class RequestFuzzer {
  readonly logged: string[] = [];
  readonly errors = new Map<number, number>();
  private readonly union: Union;
  private readonly serving: Serving;
  private readonly dispatcher: Dispatcher;
  private readonly requestBlock = allocate(MAX_WRITE + 4096);
  private readonly replyBlock = allocate(MAX_WRITE + 4096);
  private readonly nodes: number[] = [1];
  private readonly files: number[] = [];
  private readonly directories: number[] = [];

  constructor(private readonly random: Random, ground: Ground) {
    const options = { ...defaultUnionOptions(), branches: [branchSpec(ground.upper, 'rw'), branchSpec(ground.lower, 'ro')] };
    for (const key of ['dirren', 'shwh', 'dio', 'dirperm1'] as const) options[key] = random.once(2);
    options.udba = random.pick(['none', 'reval', 'notify']);
    this.union = new Union(options, {
      log: (level, message) => this.logged.push(`${level}: ${message}`),
      event: () => undefined,
      ...(random.once(2) ? { stale: () => undefined } : {}),
    });
    this.union.wantEvents = random.once(2);
    const wishes = { posixAcl: true, passthrough: false, maxWrite: MAX_WRITE };
    this.serving = new Serving(this.union, this.requestBlock, this.replyBlock, wishes, (_level, message, fields) =>
      void this.logged.push(`${message} ${JSON.stringify(fields ?? {})}`), -1);
    this.dispatcher = new Dispatcher(this.serving);
  }

  /** One request. Throws an Error that tells what is wrong with the answer, and which request it was. */
  round(): void {
    let opcode: number = this.random.once(60) ? this.random.below(1 << 30) : this.random.pick(opcodes);
    // What makes things comes more often than what takes them away.
    if (gone.includes(opcode) && !this.random.once(5)) opcode = this.random.pick(made);
    let message = this.message(opcode, this.body(opcode));
    if (this.random.once(8)) message = this.random.mutate(message);
    if (this.random.once(12)) message = message.subarray(0, this.random.below(message.length + 1));
    message = message.subarray(0, this.requestBlock.length);
    if (message.length >= 4 && !this.random.once(20)) message.writeUInt32LE(message.length, 0);
    try {
      this.check(message);
    } catch (error) {
      throw new Error(`${message.toString('hex').slice(0, 2000)}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    }
  }

  private check(message: Buffer): void {
    this.requestBlock.bytes.fill(0xff);
    message.copy(this.requestBlock.bytes);
    const logged = this.logged.length;
    const length = this.dispatcher.dispatch(message.length);
    const defect = this.logged.slice(logged).find((line) => line.includes('unexpectedly'));
    if (defect !== undefined) throw new Error(defect);
    if (length === 0) return;
    const reply = this.replyBlock.bytes;
    const error = reply.readInt32LE(4);
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
    this.union.settled(-error);
    if (length < 16 || length > this.replyBlock.length || reply.readUInt32LE(0) !== length) throw new Error(`a reply of ${String(length)} bytes`);
    if (error > 0 || error < -4095 || (error !== 0 && length !== 16)) throw new Error(`error ${String(error)} with ${String(length)} bytes`);
    if (reply.readBigUInt64LE(8) !== message.readBigUInt64LE(InHeader.unique)) throw new Error('the answer to another request');
    // As a kernel does: what is gone is not asked for again.
    if (error === -E.ESTALE) this.unlearn(Number(message.readBigUInt64LE(InHeader.nodeid)));
    if (error === 0) this.learn(message.readUInt32LE(InHeader.opcode), reply.subarray(16, length));
  }

  /** Node ids and handles out of a reply, for further requests. */
  private learn(opcode: number, body: Buffer): void {
    const entries: number[] = [Opcode.LOOKUP, Opcode.MKNOD, Opcode.MKDIR, Opcode.SYMLINK, Opcode.LINK, Opcode.CREATE, Opcode.TMPFILE];
    if (entries.includes(opcode)) this.nodes.push(Number(body.readBigUInt64LE(0)));
    if (opcode === Opcode.CREATE || opcode === Opcode.TMPFILE) this.files.push(Number(body.readBigUInt64LE(ENTRY_OUT_SIZE)));
    if (opcode === Opcode.OPEN) this.files.push(Number(body.readBigUInt64LE(0)));
    if (opcode === Opcode.OPENDIR) this.directories.push(Number(body.readBigUInt64LE(0)));
    if (this.nodes.length > 60) this.nodes.splice(1, 20);
    for (const handles of [this.files, this.directories]) if (handles.length > 30) handles.splice(0, 10);
  }

  private unlearn(node: number): void {
    const at = this.nodes.lastIndexOf(node);
    if (at > 0) this.nodes.splice(at, 1);
  }

  private message(opcode: number, body: Buffer): Buffer {
    const header = Buffer.alloc(IN_HEADER_SIZE);
    header.writeUInt32LE(IN_HEADER_SIZE + body.length, InHeader.len);
    header.writeUInt32LE(opcode, InHeader.opcode);
    header.writeBigUInt64LE(BigInt(this.random.below(1 << 30)), InHeader.unique);
    header.writeBigUInt64LE(this.node(), InHeader.nodeid);
    const ids = [0, 0, 1000, 65534, 0xffffffff];
    header.writeUInt32LE(this.random.pick(ids), InHeader.uid);
    header.writeUInt32LE(this.random.pick(ids), InHeader.gid);
    header.writeUInt32LE(this.random.pick([0, 1, process.pid, 0xffffffff]), InHeader.pid);
    return Buffer.concat([header, body]);
  }

  private node(): bigint {
    if (this.random.once(25)) return this.number();
    return this.random.once(4) ? 1n : BigInt(this.random.pick(this.nodes));
  }

  private handle(of: readonly number[]): bigint {
    return of.length === 0 || this.random.once(15) ? this.number() : BigInt(this.random.pick(of));
  }

  private number(): bigint {
    return this.random.once(3) ? BigInt(this.random.below(300)) : this.random.pick(numbers);
  }

  private name(): string {
    const { random } = this;
    if (random.once(30)) return random.bytes(random.below(20)).toString('latin1');
    // Plain ones mostly.
    return random.once(3) ? random.pick(names) : names[random.below(19)];
  }

  private body(opcode: number): Buffer {
    const { random } = this;
    const number = (): bigint => this.number();
    const body = (size: number): Body => new Body(size, random);
    const mode = (): number => random.pick([0o100644, 0o40755, 0o10600, 0o140644, 0o20666, 0o60666, 0o120777, 0o7777, 0, 0xffffffff]);
    const flags = (): number => random.pick([0, 1, 2, 0o1001, 0o2002, 0o1102, 0o302, 0o40000, 0o200000, 0o2000000, random.below(1 << 26)]);
    switch (opcode) {
      case Opcode.LOOKUP: case Opcode.UNLINK: case Opcode.RMDIR: case Opcode.REMOVEXATTR: return body(0).name(this.name()).done();
      case Opcode.SYMLINK: return body(0).name(this.name()).name(random.pick(['a', '/etc/passwd', '../outside', 'x'.repeat(4096), ''])).done();
      case Opcode.MKNOD: return body(MknodIn.SIZE).u32(0, mode()).u32(4, number()).u32(8, random.below(512)).name(this.name()).done();
      case Opcode.MKDIR: return body(MkdirIn.SIZE).u32(0, mode()).u32(4, random.below(512)).name(this.name()).done();
      case Opcode.RENAME: return body(RenameIn.SIZE).u64(0, this.node()).name(this.name()).name(this.name()).done();
      case Opcode.RENAME2: return body(Rename2In.SIZE).u64(0, this.node()).u32(8, random.pick([0, 0, 0, 1, 2, 3, 4, 7])).name(this.name()).name(this.name()).done();
      case Opcode.LINK: return body(LinkIn.SIZE).u64(0, this.node()).name(this.name()).done();
      case Opcode.CREATE: case Opcode.TMPFILE: return body(CreateIn.SIZE).u32(0, flags()).u32(4, mode()).u32(8, random.below(512)).name(this.name()).done();
      case Opcode.OPEN: case Opcode.OPENDIR: return body(OpenIn.SIZE).u32(0, flags()).u32(4, random.below(3)).done();
      case Opcode.READ: return body(ReadIn.SIZE).u64(0, this.handle(this.files)).u64(8, number()).u32(16, number()).done();
      case Opcode.READDIR: case Opcode.READDIRPLUS:
        return body(ReadIn.SIZE).u64(0, this.handle(this.directories)).u64(8, number()).u32(16, random.once(2) ? 4096 : number()).done();
      case Opcode.WRITE: {
        const data = random.bytes(random.below(100));
        return body(WriteIn.SIZE).u64(0, this.handle(this.files)).u64(8, random.once(3) ? number() : random.below(9999)).u32(16, random.once(9) ? number() : data.length).raw(data).done();
      }
      case Opcode.RELEASE: return body(ReleaseIn.SIZE).u64(0, this.handle(this.files)).done();
      case Opcode.RELEASEDIR: return body(ReleaseIn.SIZE).u64(0, this.handle(this.directories)).done();
      case Opcode.FSYNC: return body(FsyncIn.SIZE).u64(0, this.handle(this.files)).done();
      case Opcode.FSYNCDIR: return body(FsyncIn.SIZE).u64(0, this.handle(this.directories)).done();
      case Opcode.GETATTR: return body(GetattrIn.SIZE).u32(0, random.below(2)).u64(8, this.handle(this.files)).done();
      case Opcode.STATX: return body(StatxIn.SIZE).u32(0, random.below(2)).u64(8, this.handle(this.files)).done();
      case Opcode.SETATTR: {
        const change = body(SetattrIn.SIZE).u32(SetattrIn.valid, random.once(2) ? random.below(4096) : 1 << random.below(12)).u64(SetattrIn.fh, this.handle(this.files));
        for (const field of [SetattrIn.size, SetattrIn.atime, SetattrIn.mtime]) change.u64(field, number());
        for (const field of [SetattrIn.atimeNsec, SetattrIn.mtimeNsec, SetattrIn.uid, SetattrIn.gid]) change.u32(field, number());
        return change.u32(SetattrIn.mode, mode()).done();
      }
      case Opcode.GETXATTR: return body(GetxattrIn.SIZE).u32(0, number()).name(this.name()).done();
      case Opcode.LISTXATTR: return body(GetxattrIn.SIZE).u32(0, number()).done();
      case Opcode.SETXATTR: {
        const value = random.bytes(random.below(60));
        return body(SetxattrIn.COMPAT_SIZE).u32(0, random.once(8) ? number() : value.length).u32(4, random.below(4)).name(this.name()).raw(value).done();
      }
      case Opcode.FORGET: return body(ForgetIn.SIZE).u64(0, random.once(9) ? number() : 1).done();
      case Opcode.BATCH_FORGET: {
        const count = random.below(4);
        const all = body(BatchForgetIn.SIZE).u32(0, random.once(9) ? number() : count);
        for (let i = 0; i < count; i++) all.raw(body(BatchForgetIn.ONE).u64(0, this.node()).u64(8, 1).done());
        return all.done();
      }
      case Opcode.FALLOCATE: return body(FallocateIn.SIZE).u64(0, this.handle(this.files)).u64(8, number()).u64(16, number()).u32(24, random.below(128)).done();
      case Opcode.LSEEK: return body(LseekIn.SIZE).u64(0, this.handle(this.files)).u64(8, number()).u32(16, random.below(7)).done();
      case Opcode.COPY_FILE_RANGE: case Opcode.COPY_FILE_RANGE_64:
        return body(CopyFileRangeIn.SIZE).u64(0, this.handle(this.files)).u64(8, random.below(99)).u64(24, this.handle(this.files)).u64(32, number()).u64(40, number()).done();
      default: return random.bytes(random.below(120));
    }
  }

  /** As at an unmount: whatever the kernel had is gone. */
  close(): void {
    this.union.close();
  }
}
