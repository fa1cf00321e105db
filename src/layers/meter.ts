import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { beyondLimit } from './limits.js';

/** Counts and digests the bytes that pass through it, and fails beyond a limit. */
export class Meter extends Transform {
  bytes = 0;
  /** Sees each piece before it goes on. */
  onPiece: ((piece: Buffer) => void) | undefined;
  private readonly hash = createHash('sha256');

  constructor(public limit = Infinity, onProgress?: (bytes: number) => void) {
    super({
      highWaterMark: 4 << 20,
      transform: (piece: Buffer, _encoding, done) => {
        this.bytes += piece.length;
        if (this.bytes > this.limit) {
          done(beyondLimit(this.limit));
          return;
        }
        this.hash.update(piece);
        onProgress?.(this.bytes);
        try {
          this.onPiece?.(piece);
        } catch (error) {
          done(error as Error);
          return;
        }
        done(null, piece);
      },
    });
  }

  /** `sha256:` and hex digits. Once, at the end. */
  digest(): string {
    return `sha256:${this.hash.digest('hex')}`;
  }
}
