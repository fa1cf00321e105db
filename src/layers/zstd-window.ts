// Keeps the memory, and the time, that zstd data may ask for in bounds. A decoder keeps the last `window` bytes of its
// output, and each frame says how many that are: up to 2 GiB with fzstd. zstd's own limit, unless told otherwise, is 128 MiB.
// Frames and blocks: RFC 8878, section 3.1.

import { LayerError } from './error.js';

const WINDOW_MAX = 128 * 2 ** 20;
const FRAME = 0xfd2fb528;

/** Magic number, descriptor, window, dictionary and content size at their longest. */
const HEADER_MAX = 18;

/** Looks at the headers of frames and blocks in the data as it passes, in pieces of any size; `push` throws LayerError. */
export class WindowGuard {
  /** The start of a header whose rest has not come yet. */
  private held: Buffer = Buffer.alloc(0);
  /** Bytes of content to pass over. */
  private skip = 0;
  private inFrame = false;
  private hasChecksum = false;

  push(piece: Buffer): void {
    let data = this.held.length === 0 ? piece : Buffer.concat([this.held, piece]);
    this.held = Buffer.alloc(0);
    for (;;) {
      const passed = Math.min(this.skip, data.length);
      data = data.subarray(passed);
      this.skip -= passed;
      if (this.skip > 0 || data.length === 0) return;
      const taken = this.inFrame ? this.block(data) : this.frame(data);
      if (taken === 0) {
        // A copy: the piece belongs to whoever reads.
        this.held = Buffer.from(data);
        return;
      }
      data = data.subarray(taken);
    }
  }

  /** Bytes of the header; 0: more must come. */
  private block(data: Buffer): number {
    if (data.length < 3) return 0;
    const header = data.readUIntLE(0, 3);
    const isLast = (header & 1) === 1;
    const isRun = (header >> 1 & 3) === 1;
    this.skip = isRun ? 1 : header >> 3;
    if (isLast) {
      this.skip += this.hasChecksum ? 4 : 0;
      this.inFrame = false;
    }
    return 3;
  }

  private frame(data: Buffer): number {
    if (data.length < 8) return 0;
    const magic = data.readUInt32LE(0);
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      this.skip = data.readUInt32LE(4);
      return 8;
    }
    if (magic !== FRAME) throw new LayerError('the zstd data is damaged');
    const descriptor = data[4];
    const isSingle = (descriptor >> 5 & 1) === 1;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6];
    const length = 5 + (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (data.length < length && data.length < HEADER_MAX) return 0;
    const window = isSingle ? contentSize(data.subarray(length - sizeBytes, length)) : windowOf(data[5]);
    if (window > WINDOW_MAX) throw new LayerError(`the zstd data asks for a window of ${window} bytes; at most ${WINDOW_MAX} are allowed`);
    this.inFrame = true;
    this.hasChecksum = (descriptor >> 2 & 1) === 1;
    return length;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + base / 8 * (descriptor & 7);
}

function contentSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}
