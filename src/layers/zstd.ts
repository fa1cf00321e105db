import { Transform } from 'node:stream';
import { Decompress } from 'fzstd';
import { LayerError } from './error.js';
import { WindowGuard } from './zstd-window.js';

/** Decompresses zstd where Node.js itself does not. Checksums are not looked at: that the archive is whole, its digest tells. */
export function zstdDecoder(): Transform {
  const guard = new WindowGuard();
  const decoder = new Decompress();
  const push = (stream: Transform, piece: Buffer, final: boolean, done: (error?: Error) => void): void => {
    decoder.ondata = (data) => {
      if (data.length > 0) stream.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    };
    try {
      guard.push(piece);
      decoder.push(piece, final);
      done();
    } catch (error) {
      done(error instanceof RangeError ? new LayerError('the layer\'s zstd data is damaged') : error as Error);
    }
  };
  return new Transform({
    highWaterMark: 1 << 20,
    transform(piece: Buffer, _encoding, done) {
      push(this, piece, false, done);
    },
    flush(done) {
      push(this, Buffer.alloc(0), true, done);
    },
  });
}
