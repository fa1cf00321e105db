import type { Serving } from './serving.js';
import type { UnionNode } from './union-ops.js';
import { direntSize } from './reply.js';
import { ENTRY_OUT_SIZE } from './wire.js';

/**
 * Packs directory entries into the reply. The two sinks are made once, here, and not as closures of a
 * request: READDIR of a large directory calls them once an entry.
 */
export class DirectoryWriter {
  /** Bytes written so far. */
  length = 0;
  private limit = 0;
  private seconds = 0;

  constructor(private readonly serving: Serving) {}

  /** Begins a listing of a directory, of at most `limit` bytes. */
  begin(limit: number, directory: UnionNode): void {
    this.length = 0;
    this.limit = Math.min(limit, this.serving.reply.capacity);
    this.seconds = this.serving.union.cacheSeconds(directory);
  }

  /** READDIR: struct fuse_dirent. */
  readonly plain = (name: string, type: number, ino: number, next: number): boolean => {
    if (this.length + direntSize(name) > this.limit) return false;
    this.length += this.serving.reply.dirent(this.length, name, type, ino, next);
    return true;
  };

  /** READDIRPLUS: struct fuse_direntplus. An entry without a node has the node id 0: a name and a type only. */
  readonly plus = (
    name: string,
    type: number,
    ino: number,
    next: number,
    node: UnionNode | null,
  ): boolean => {
    const { serving } = this;
    if (this.length + ENTRY_OUT_SIZE + direntSize(name) > this.limit) return false;
    if (node === null) {
      serving.reply.clear(this.length, ENTRY_OUT_SIZE);
    } else {
      serving.tell(node);
      const { stat } = serving;
      serving.reply.entry(this.length, node, stat, this.seconds, serving.union.attributeSeconds(node, stat));
    }
    this.length += ENTRY_OUT_SIZE;
    this.length += serving.reply.dirent(this.length, name, type, ino, next);
    return true;
  };
}
