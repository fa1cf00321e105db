import { E } from '../../posix/errno.js';
import { write } from '../../posix/file.js';
import { allocate, write64 } from '../../posix/memory.js';
import { Notify, NOTIFY_EXPIRE_ONLY, OUT_HEADER_SIZE } from './wire.js';

/** What the union wants the kernel to forget. Ids are node ids. */
export type Invalidation =
  /** A name in a directory. `expire`: only its timeout, so that a mount point beneath it stays. */
  | { kind: 'entry'; parent: number; name: string; expire?: boolean }
  /** A node's attributes and, from `offset` on for `length` bytes, its pages: 0 for all, -1 for attributes only. */
  | { kind: 'inode'; node: number; offset: number; length: number }
  /** Every name, those that are known to be missing too (Linux 6.16; before, EINVAL). */
  | { kind: 'epoch' };

const NAME_MAX = 255;
const ENTRY_SIZE = 16;
const INODE_SIZE = 24;

/**
 * Writes notifications to the kernel (FUSE_NOTIFY_INVAL_ENTRY and _INODE).
 *
 * Never from the thread that answers requests: the kernel may wait, inside the write, for an inode's lock
 * whose holder waits for our answer.
 */
export class Notifier {
  private readonly block = allocate(OUT_HEADER_SIZE + ENTRY_SIZE + NAME_MAX + 1);

  constructor(private readonly fd: number) {}

  /** 0, or -errno. What the kernel does not hold need not be forgotten: ENOENT and ENOTDIR are no errors. */
  send(invalidation: Invalidation): number {
    const length = encode(this.block, invalidation);
    if (length < 0) return length;
    const sent = write(this.fd, this.block.address, length);
    return sent >= 0 || sent === -E.ENOENT || sent === -E.ENOTDIR ? 0 : sent;
  }
}

/** The message for an invalidation: its length, or -ENAMETOOLONG. Exported for its test. */
export function encode(block: { u32: Uint32Array; bytes: Buffer }, invalidation: Invalidation): number {
  const { u32, bytes } = block;
  const body = OUT_HEADER_SIZE >> 2;
  // A notification has its code where a reply has its error, and no request to answer.
  u32[2] = 0;
  u32[3] = 0;
  if (invalidation.kind === 'epoch') {
    u32[0] = OUT_HEADER_SIZE;
    u32[1] = Notify.INC_EPOCH;
    return u32[0];
  }
  if (invalidation.kind === 'inode') {
    u32[0] = OUT_HEADER_SIZE + INODE_SIZE;
    u32[1] = Notify.INVAL_INODE;
    write64(u32, body, invalidation.node);
    write64(u32, body + 2, invalidation.offset);
    write64(u32, body + 4, invalidation.length);
    return u32[0];
  }
  const { name } = invalidation;
  if (name.length > NAME_MAX) return -E.ENAMETOOLONG;
  u32[0] = OUT_HEADER_SIZE + ENTRY_SIZE + name.length + 1;
  u32[1] = Notify.INVAL_ENTRY;
  write64(u32, body, invalidation.parent);
  u32[body + 2] = name.length;
  u32[body + 3] = invalidation.expire === true ? NOTIFY_EXPIRE_ONLY : 0;
  bytes.latin1Write(name, OUT_HEADER_SIZE + ENTRY_SIZE);
  bytes[OUT_HEADER_SIZE + ENTRY_SIZE + name.length] = 0;
  return u32[0];
}
