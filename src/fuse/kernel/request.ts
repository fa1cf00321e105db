import { E, Errno } from '../../posix/errno.js';
import type { Block } from '../../posix/memory.js';
import { IN_HEADER_SIZE, InHeader } from './wire.js';

/** A request that is shorter than its operation needs, or whose names are not ended: answered EIO. */
export class Malformed extends Error {}

const TWO_32 = 4294967296;

/**
 * The request that lies in the request block, read in place: one instance serves every request, and nothing
 * is allocated for one but the names it carries. Offsets are those of the body, the part after the header;
 * wire.ts has them. `length` bounds what belongs to this request: the block behind it holds older ones.
 */
export class Request {
  /** Bytes of the message, header and all. */
  length = 0;
  /** Where the next name begins, an absolute offset in the block. */
  private cursor = 0;

  private readonly u32: Uint32Array;
  private readonly bytes: Buffer;

  constructor(readonly block: Block) {
    this.u32 = block.u32;
    this.bytes = block.bytes;
  }

  /** The length the header claims. */
  get claimedLength(): number {
    return this.u32[InHeader.len >> 2];
  }
  get opcode(): number {
    return this.u32[InHeader.opcode >> 2];
  }
  get uniqueLow(): number {
    return this.u32[InHeader.unique >> 2];
  }
  get uniqueHigh(): number {
    return this.u32[(InHeader.unique >> 2) + 1];
  }
  get nodeid(): number {
    return this.u32[InHeader.nodeid >> 2] + this.u32[(InHeader.nodeid >> 2) + 1] * TWO_32;
  }
  get uid(): number {
    return this.u32[InHeader.uid >> 2];
  }
  get gid(): number {
    return this.u32[InHeader.gid >> 2];
  }
  get pid(): number {
    return this.u32[InHeader.pid >> 2];
  }

  /** A 32-bit field of the body. */
  u32At(offset: number): number {
    return this.u32[(IN_HEADER_SIZE + offset) >> 2];
  }

  /** A 64-bit field of the body; exact while it is below 2^53, as every id and size here is. */
  u64At(offset: number): number {
    const word = (IN_HEADER_SIZE + offset) >> 2;
    return this.u32[word] + this.u32[word + 1] * TWO_32;
  }

  /**
   * A 64-bit field that says where in a file, or how long it is to be. Throws EFBIG where a number does not hold it, which
   * begins at 8 PiB: the data would go to another place.
   */
  placeAt(offset: number): number {
    const word = (IN_HEADER_SIZE + offset) >> 2;
    const high = this.u32[word + 1] * TWO_32;
    const place = high + this.u32[word];
    if (place > Number.MAX_SAFE_INTEGER && place - high !== this.u32[word]) throw new Errno(E.EFBIG);
    return place;
  }

  /** A signed 64-bit field of the body: a time or a file offset. */
  i64At(offset: number): number {
    const word = (IN_HEADER_SIZE + offset) >> 2;
    return this.u32[word] + (this.u32[word + 1] | 0) * TWO_32;
  }

  /** The address of the body's byte `offset`, where the data of WRITE and SETXATTR lie. */
  addressAt(offset: number): number {
    return this.block.address + IN_HEADER_SIZE + offset;
  }

  /** Bytes of the body from `offset` on. */
  remaining(offset: number): number {
    return this.length - IN_HEADER_SIZE - offset;
  }

  /** The NUL-ended name at the body's byte `offset`, as latin1; `nextName` reads the one behind it. */
  name(offset: number): string {
    this.cursor = IN_HEADER_SIZE + offset;
    return this.nextName();
  }

  nextName(): string {
    const { bytes, length, cursor: start } = this;
    let end = start;
    // A loop finds the end of a short name sooner than Buffer.indexOf, which leaves JavaScript to do it.
    while (end < length && bytes[end] !== 0) end += 1;
    if (end >= length) throw new Malformed('a name is not ended');
    this.cursor = end + 1;
    return bytes.latin1Slice(start, end);
  }

  /** Where the body goes on behind the last name read, as an offset in the body. */
  get afterName(): number {
    return this.cursor - IN_HEADER_SIZE;
  }
}
