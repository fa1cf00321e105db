import type { Block } from '../../posix/memory.js';
import type { Stat } from '../../posix/stat.js';
import type { StatFs } from '../../posix/statfs.js';
import type { UnionNode } from './union-ops.js';
import {
  Attr,
  ATTR_OUT_SIZE,
  AttrOut,
  DIRENT_SIZE,
  Dirent,
  ENTRY_OUT_SIZE,
  EntryOut,
  KSTATFS_SIZE,
  KStatfs,
  OPEN_OUT_SIZE,
  OpenOut,
  OUT_HEADER_SIZE,
  STATX_OUT_SIZE,
  StatxOut,
} from './wire.js';

const TWO_32 = 4294967296;
/** STATX_BASIC_STATS and STATX_BTIME of statx(2). */
const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;

/**
 * The reply under construction, in one block that every reply reuses. The encoders take byte offsets in the
 * body, write every field of their structure (the block holds the last reply) and return the structure's
 * length. A kernel device number is 32 bits in this protocol: see `encodeDevice`.
 */
export class Reply {
  /** Address of the body, where READ and GETXATTR put their data. */
  readonly address: number;
  /** Bytes the body can have. */
  readonly capacity: number;
  /** The body. */
  readonly body: Buffer;

  private readonly u32: Uint32Array;
  private readonly bytes: Buffer;

  constructor(readonly block: Block) {
    this.u32 = block.u32;
    this.bytes = block.bytes;
    this.address = block.address + OUT_HEADER_SIZE;
    this.capacity = block.length - OUT_HEADER_SIZE;
    this.body = block.bytes.subarray(OUT_HEADER_SIZE);
  }

  /** Writes the header of a message with a body of `size` bytes and returns the message's length. */
  header(size: number, error: number, uniqueLow: number, uniqueHigh: number): number {
    const { u32 } = this;
    u32[0] = OUT_HEADER_SIZE + size;
    u32[1] = error;
    u32[2] = uniqueLow;
    u32[3] = uniqueHigh;
    return OUT_HEADER_SIZE + size;
  }

  /** The error in the header, positive; 0 for success. */
  get error(): number {
    return -(this.u32[1] | 0);
  }

  setU32(offset: number, value: number): void {
    this.u32[(OUT_HEADER_SIZE + offset) >> 2] = value;
  }

  setU16(offset: number, value: number): void {
    this.bytes.writeUInt16LE(value, OUT_HEADER_SIZE + offset);
  }

  /** A 64-bit field, from a number that is an integer between -2^53 and 2^53. */
  setU64(offset: number, value: number): void {
    const word = (OUT_HEADER_SIZE + offset) >> 2;
    // Storing takes the value modulo 2^32, also of a negative one: two's complement comes by itself.
    this.u32[word] = value;
    this.u32[word + 1] = Math.floor(value / TWO_32);
  }

  /** Sets `size` bytes of the body from `offset` on to zero. */
  clear(offset: number, size: number): void {
    this.u32.fill(0, (OUT_HEADER_SIZE + offset) >> 2, (OUT_HEADER_SIZE + offset + size) >> 2);
  }

  /** Bytes of a latin1 string, without an end mark; returns their number. */
  text(offset: number, value: string): number {
    return this.bytes.latin1Write(value, OUT_HEADER_SIZE + offset);
  }

  /** struct fuse_entry_out: a node and its attributes, and for how many seconds the kernel may keep the name and them. */
  entry(offset: number, node: UnionNode, stat: Stat, seconds: number, attributeSeconds = seconds): number {
    const whole = Math.floor(seconds);
    const attributeWhole = Math.floor(attributeSeconds);
    this.setU64(offset + EntryOut.nodeid, node.id);
    this.setU64(offset + EntryOut.generation, node.generation);
    this.setU64(offset + EntryOut.entryValid, whole);
    this.setU64(offset + EntryOut.attrValid, attributeWhole);
    this.setU32(offset + EntryOut.entryValidNsec, (seconds - whole) * 1e9);
    this.setU32(offset + EntryOut.attrValidNsec, (attributeSeconds - attributeWhole) * 1e9);
    this.attributes(offset + EntryOut.attr, stat);
    return ENTRY_OUT_SIZE;
  }

  /** struct fuse_entry_out that says for how many seconds there is no such name: its node id is 0. */
  noEntry(offset: number, seconds: number): number {
    const whole = Math.floor(seconds);
    this.clear(offset, ENTRY_OUT_SIZE);
    this.setU64(offset + EntryOut.entryValid, whole);
    this.setU32(offset + EntryOut.entryValidNsec, (seconds - whole) * 1e9);
    return ENTRY_OUT_SIZE;
  }

  /** struct fuse_attr_out. */
  attr(stat: Stat, seconds: number): number {
    const whole = Math.floor(seconds);
    this.setU64(AttrOut.attrValid, whole);
    this.setU32(AttrOut.attrValidNsec, (seconds - whole) * 1e9);
    this.setU32(AttrOut.attrValidNsec + 4, 0);
    this.attributes(AttrOut.attr, stat);
    return ATTR_OUT_SIZE;
  }

  private attributes(offset: number, stat: Stat): void {
    this.setU64(offset + Attr.ino, stat.ino);
    this.setU64(offset + Attr.size, stat.size);
    this.setU64(offset + Attr.blocks, stat.blocks);
    this.setU64(offset + Attr.atime, stat.atime);
    this.setU64(offset + Attr.mtime, stat.mtime);
    this.setU64(offset + Attr.ctime, stat.ctime);
    const { u32 } = this;
    const word = (OUT_HEADER_SIZE + offset) >> 2;
    u32[word + (Attr.atimeNsec >> 2)] = stat.atimeNsec;
    u32[word + (Attr.mtimeNsec >> 2)] = stat.mtimeNsec;
    u32[word + (Attr.ctimeNsec >> 2)] = stat.ctimeNsec;
    u32[word + (Attr.mode >> 2)] = stat.mode;
    u32[word + (Attr.nlink >> 2)] = stat.nlink;
    u32[word + (Attr.uid >> 2)] = stat.uid;
    u32[word + (Attr.gid >> 2)] = stat.gid;
    u32[word + (Attr.rdev >> 2)] = encodeDevice(stat.rdevMajor, stat.rdevMinor);
    u32[word + (Attr.blksize >> 2)] = stat.blksize;
    u32[word + (Attr.flags >> 2)] = 0;
  }

  /** struct fuse_statx_out. */
  statx(stat: Stat, seconds: number): number {
    const whole = Math.floor(seconds);
    this.clear(0, STATX_OUT_SIZE);
    this.setU64(StatxOut.attrValid, whole);
    this.setU32(StatxOut.attrValidNsec, (seconds - whole) * 1e9);
    const birthKnown = stat.btime !== 0 || stat.btimeNsec !== 0;
    this.setU32(StatxOut.mask, birthKnown ? STATX_BASIC_STATS | STATX_BTIME : STATX_BASIC_STATS);
    this.setU32(StatxOut.blksize, stat.blksize);
    this.setU32(StatxOut.nlink, stat.nlink);
    this.setU32(StatxOut.uid, stat.uid);
    this.setU32(StatxOut.gid, stat.gid);
    this.setU16(StatxOut.mode, stat.mode);
    this.setU64(StatxOut.ino, stat.ino);
    this.setU64(StatxOut.size, stat.size);
    this.setU64(StatxOut.blocks, stat.blocks);
    this.time(StatxOut.atime, stat.atime, stat.atimeNsec);
    this.time(StatxOut.btime, stat.btime, stat.btimeNsec);
    this.time(StatxOut.ctime, stat.ctime, stat.ctimeNsec);
    this.time(StatxOut.mtime, stat.mtime, stat.mtimeNsec);
    this.setU32(StatxOut.rdevMajor, stat.rdevMajor);
    this.setU32(StatxOut.rdevMinor, stat.rdevMinor);
    return STATX_OUT_SIZE;
  }

  private time(offset: number, seconds: number, nanoseconds: number): void {
    this.setU64(offset, seconds);
    this.setU32(offset + 8, nanoseconds);
  }

  /** struct fuse_open_out. `backingId` is for FOPEN_PASSTHROUGH, 0 without it. */
  open(offset: number, handle: number, flags: number, backingId = 0): number {
    this.setU64(offset + OpenOut.fh, handle);
    this.setU32(offset + OpenOut.openFlags, flags);
    this.setU32(offset + OpenOut.backingId, backingId);
    return OPEN_OUT_SIZE;
  }

  /** struct fuse_statfs_out. */
  statfs(st: StatFs): number {
    this.clear(0, KSTATFS_SIZE);
    this.setU64(KStatfs.blocks, st.blocks);
    this.setU64(KStatfs.bfree, st.bfree);
    this.setU64(KStatfs.bavail, st.bavail);
    this.setU64(KStatfs.files, st.files);
    this.setU64(KStatfs.ffree, st.ffree);
    this.setU32(KStatfs.bsize, st.bsize);
    this.setU32(KStatfs.namelen, st.namelen);
    this.setU32(KStatfs.frsize, st.frsize);
    return KSTATFS_SIZE;
  }

  /** struct fuse_dirent with its name, padded to 8 bytes. The caller has made sure of the room. */
  dirent(offset: number, name: string, type: number, ino: number, next: number): number {
    const size = direntSize(name);
    // The padding is the tail of the last word pair: zero it before the name goes over it.
    this.setU64(offset + size - 8, 0);
    this.setU64(offset + Dirent.ino, ino);
    this.setU64(offset + Dirent.off, next);
    this.setU32(offset + Dirent.namelen, name.length);
    this.setU32(offset + Dirent.type, type);
    this.bytes.latin1Write(name, OUT_HEADER_SIZE + offset + Dirent.name);
    return size;
  }
}

/** Length of a directory entry with this name on the wire. */
export function direntSize(name: string): number {
  return (DIRENT_SIZE + name.length + 7) & ~7;
}

/** A device number in 32 bits, 12 for the major and 20 for the minor: the kernel's new_encode_dev. */
export function encodeDevice(major: number, minor: number): number {
  return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12);
}

export function decodeMajor(device: number): number {
  return (device >>> 8) & 0xfff;
}

export function decodeMinor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00);
}
