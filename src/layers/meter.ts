import { createHash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { DigestThread } from './digest-thread.js';
import { beyondLimit } from './limits.js';

/** Counts and digests the bytes that pass through it, and fails beyond a limit. */
export class Meter extends Transform {
  bytes = 0;
  /** Sees each piece before it goes on. */
  onPiece: ((piece: Buffer) => void) | undefined;
  private readonly hash = createHash('sha256');
  private thread: DigestThread | null = null;
  private result: Promise<string> | null = null;

  constructor(public limit = Infinity, private readonly onProgress?: (bytes: number) => void) {
    super({ highWaterMark: 4 << 20 });
  }

  /** The digest is made by another thread, which tells of each piece that it has done with; before the first byte. */
  useThread(done: (piece: Buffer) => void): void {
    this.thread = new DigestThread(done);
  }

  override _transform(piece: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += piece.length;
    if (this.bytes > this.limit) {
      done(beyondLimit(this.limit));
      return;
    }
    this.onProgress?.(this.bytes);
    try {
      this.onPiece?.(piece);
    } catch (error) {
      done(error as Error);
      return;
    }
    this.push(piece);
    if (this.thread !== null) {
      this.thread.update(piece, done);
      return;
    }
    this.hash.update(piece);
    done();
  }

  override _flush(done: TransformCallback): void {
    this.result = this.thread === null ? Promise.resolve(this.hash.digest('hex')) : this.thread.finish();
    // Whoever wants it learns of a failure.
    this.result.catch(() => undefined);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.result === null) this.thread?.end();
    done(error);
  }

  /** `sha256:` and hex digits, once all has passed. */
  async digest(): Promise<string> {
    if (this.result === null) throw new Error('the digest of a stream that has not ended');
    return `sha256:${await this.result}`;
  }
}
