/**
 * Memory with an address: what system calls read from and write into.
 */
import koffi from './koffi.js';

declare global {
  // Methods of Node's Buffer that its types leave out: toString('latin1') and write(…, 'latin1') without the dispatch on
  // the encoding, which costs more than short names do.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- must repeat the parameter of @types/node
  interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
    latin1Slice(start?: number, end?: number): string;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}

/**
 * Memory outside V8's moving heap. The address holds as long as the Block (or its `bytes`) is reachable: keep it on the
 * object that uses the address, or in a module constant that some function mentions. `allocate(n).address`, or a module
 * constant used only while the module is loaded, is freed by the next collection: V8 keeps no variable that nothing can
 * reach. Never transfer its ArrayBuffer to another thread.
 */
export interface Block {
  readonly bytes: Buffer;
  readonly address: number;
  /** The same memory in 32-bit words (little-endian, as both architectures are); a rest of under 4 bytes is left out. */
  readonly u32: Uint32Array;
  readonly length: number;
}

const PAGE = 4096;

const memcpy = koffi.load(null).func('memcpy', 'long', ['long', 'long', 'long']) as (to: number, from: number, size: number) => unknown;

/** Copies `size` bytes between addresses; the two pieces do not overlap. */
export function copyMemory(to: number, from: number, size: number): void {
  memcpy(to, from, size);
}

/** Zeroed memory of `size` bytes, 8-byte-aligned, page-aligned from 4096 bytes on (O_DIRECT asks for that). */
export function allocate(size: number): Block {
  const slack = size >= PAGE ? PAGE : 0;
  // An ArrayBuffer made this way lives outside the heap even when small; `new Uint8Array(n)` may not.
  const buffer = new ArrayBuffer(Math.max(size, 8) + slack);
  const start = Number(koffi.address(Buffer.from(buffer)));
  const offset = slack === 0 ? 0 : (PAGE - (start % PAGE)) % PAGE;
  return {
    bytes: Buffer.from(buffer, offset, size),
    address: start + offset,
    u32: new Uint32Array(buffer, offset, size >>> 2),
    length: size,
  };
}

/**
 * Where the bytes of a Buffer lie, for a system call made at once: it holds while the Buffer is reachable, and no longer
 * than the next call that may move a small one (under 64 bytes, which V8 may keep in its heap).
 */
export function addressOf(buffer: Buffer): number {
  return Number(koffi.address(buffer));
}

/** Reads the 64-bit little-endian unsigned integer whose low word is `words[index]`; exact up to 2^53. */
export function readU64(words: Uint32Array, index: number): number {
  return words[index] + words[index + 1] * 4294967296;
}

/** Reads the 64-bit little-endian signed integer whose low word is `words[index]`; exact between ±2^53. */
export function readI64(words: Uint32Array, index: number): number {
  return words[index] + (words[index + 1] | 0) * 4294967296;
}

/** Writes a whole number between ±2^53 as 64 bits (two's complement) at `words[index]`. */
export function write64(words: Uint32Array, index: number, value: number): void {
  // Storing into a Uint32Array takes the value modulo 2^32, also for negative ones.
  words[index] = value;
  words[index + 1] = Math.floor(value / 4294967296);
}
