import { E, Errno } from '../../posix/errno.js';
import { Stat } from '../../posix/stat.js';
import { StatFs } from '../../posix/statfs.js';
import type { Block } from '../../posix/memory.js';
import type { SetAttr } from '../../union/attributes.js';
import { Backings } from './backing.js';
import type { InitWishes, Negotiated } from './init.js';
import { DirectoryWriter } from './directory-writer.js';
import { Prefill } from './prefill.js';
import { Reply } from './reply.js';
import { Request } from './request.js';
import type {
  UnionDirHandle,
  UnionFileHandle,
  UnionNode,
  UnionOps,
} from './union-ops.js';
import { OPEN_OUT_SIZE, OpenReply } from './wire.js';

/** What an operation returns when the kernel expects no answer (FORGET and its like). */
export const NO_REPLY = -0x10000;

/**
 * One operation of the protocol: reads `serving.request`, calls the union, writes the body of
 * `serving.reply`. Returns the body's length, or -errno, or NO_REPLY; may throw Errno or Malformed.
 */
export type Operation = (serving: Serving) => number;

export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: object) => void;

/**
 * What operations work with: the union, the request and the reply of the moment, and scratch objects that all
 * requests share so that none is made for one.
 */
export class Serving {
  readonly request: Request;
  readonly reply: Reply;
  readonly stat = new Stat();
  readonly statfs = new StatFs();
  readonly change: SetAttr = {
    valid: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    atime: 0,
    atimeNsec: 0,
    mtime: 0,
    mtimeNsec: 0,
  };
  readonly entries: DirectoryWriter;

  /** Null until INIT. */
  negotiated: Negotiated | null = null;
  /** Where files are passed through; null where the kernel cannot. */
  backings: Backings | null = null;
  private readonly prefill: Prefill;
  /** Why INIT could not be answered well; the loop ends with it. */
  refusal: string | null = null;

  /** Hears the unique number, in two halves, of a request whose caller got a signal. */
  onInterrupt: ((low: number, high: number) => void) | null = null;

  // What the reply being made hands to the kernel: taken back if it never gets there.
  private readonly told: UnionNode[] = [];
  private toldCount = 0;
  private toldFile: UnionFileHandle | null = null;
  private toldDir: UnionDirHandle | null = null;

  constructor(
    readonly union: UnionOps,
    requestBlock: Block,
    replyBlock: Block,
    readonly wishes: InitWishes,
    readonly log: Log,
    /** /dev/fuse. */
    private readonly device: number,
  ) {
    this.request = new Request(requestBlock);
    this.reply = new Reply(replyBlock);
    this.entries = new DirectoryWriter(this);
    this.prefill = new Prefill(device);
  }

  /** INIT was answered so. */
  agree(negotiated: Negotiated): void {
    this.negotiated = negotiated;
    if (negotiated.passthrough) this.backings = new Backings(this.device);
  }

  /** The node a request is about. */
  node(): UnionNode {
    return this.nodeOf(this.request.nodeid);
  }

  nodeOf(id: number): UnionNode {
    const node = this.union.nodes.get(id);
    if (node === undefined) throw new Errno(E.ESTALE);
    return node;
  }

  file(id: number): UnionFileHandle {
    const handle = this.union.fileHandle(id);
    if (handle === undefined) throw new Errno(E.EBADF);
    return handle;
  }

  dir(id: number): UnionDirHandle {
    const handle = this.union.dirHandle(id);
    if (handle === undefined) throw new Errno(E.EBADF);
    return handle;
  }

  /** Counts one more reference of the kernel to a node. */
  tell(node: UnionNode): void {
    node.lookups += 1;
    this.told[this.toldCount++] = node;
  }

  /** Replies with a node found in `parent`, whose attributes lie in `stat`. */
  entry(node: UnionNode, parent: UnionNode): number {
    this.tell(node);
    const { union, stat } = this;
    return this.reply.entry(0, node, stat, union.cacheSeconds(parent), union.attributeSeconds(node, stat));
  }

  /** Replies with an open file, at the byte `offset` of the body. Returns where the body ends. */
  opened(offset: number, handle: UnionFileHandle): number {
    this.toldFile = handle;
    const backing = this.backings === null ? 0 : this.backings.open(handle);
    if (backing > 0) {
      this.union.passedThrough?.(handle);
      // With DIRECT_IO beside it, only its memory mappings are passed through.
      const flags = OpenReply.PASSTHROUGH | (handle.passable ? 0 : OpenReply.DIRECT_IO);
      this.reply.open(offset, handle.id, flags, backing);
    } else {
      const cached = handle.keepCache || this.prefill.fill(this.union, handle);
      const flags = (cached ? OpenReply.KEEP_CACHE : 0) | (handle.direct ? OpenReply.DIRECT_IO : 0);
      this.reply.open(offset, handle.id, flags);
    }
    return offset + OPEN_OUT_SIZE;
  }

  release(handle: UnionFileHandle): void {
    this.backings?.release(handle);
    this.union.release(handle);
  }

  openedDir(handle: UnionDirHandle): number {
    this.toldDir = handle;
    const flags = handle.cacheable ? OpenReply.CACHE_DIR | OpenReply.KEEP_CACHE : 0;
    return this.reply.open(0, handle.id, flags);
  }

  /** Begins a request: what the reply before handed out is the kernel's now. */
  begin(): void {
    this.toldCount = 0;
    this.toldFile = null;
    this.toldDir = null;
  }

  /** The reply did not reach the kernel: takes back what it handed out. */
  takeBack(): void {
    for (let i = 0; i < this.toldCount; i += 1) this.union.nodes.forget(this.told[i], 1);
    if (this.toldFile !== null) this.release(this.toldFile);
    if (this.toldDir !== null) this.union.releasedir(this.toldDir);
    this.begin();
  }
}
