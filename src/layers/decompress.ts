import { PassThrough, Transform, type Readable } from 'node:stream';
import zlib from 'node:zlib';
import { Decompress } from 'fzstd';
import { LayerError } from './error.js';

/** How a layer is compressed, told by its first bytes. */
export type Compression = 'none' | 'gzip' | 'zstd';

const MAGIC = 4;
const CHUNK = 1 << 20;

export function compressionOf(start: Buffer): Compression {
  if (start.length >= 2 && start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start.length < MAGIC) return 'none';
  const magic = start.readUInt32LE(0);
  // A frame, or one that is to be skipped: zstd:chunked layers and pzstd begin with such.
  if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  return 'none';
}

/** The uncompressed bytes of `input`, and how it was compressed. The stream fails when the input does. */
export async function decompress(input: Readable): Promise<{ output: Readable; compression: Compression }> {
  const start = await firstBytes(input);
  const compression = compressionOf(start);
  if (compression === 'none') return { output: input, compression };
  const output: Transform = compression === 'gzip' ? zlib.createGunzip({ chunkSize: CHUNK }) : zstdDecoder();
  input.on('error', (error) => output.destroy(error));
  input.pipe(output);
  return { output: withClearErrors(output, compression), compression };
}

function withClearErrors(output: Transform, compression: Compression): Readable {
  const clear = new PassThrough({ highWaterMark: CHUNK });
  output.on('error', (error) => clear.destroy(new LayerError(`the ${compression} data is damaged or not complete (${error.message})`)));
  return output.pipe(clear);
}

/** Takes enough of the input to tell what it is, and puts it back. */
async function firstBytes(input: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  while (length < MAGIC) {
    const piece = input.read() as Buffer | null;
    if (piece !== null) {
      pieces.push(piece);
      length += piece.length;
    } else if (!await moreComes(input)) {
      break;
    }
  }
  const start = Buffer.concat(pieces);
  if (start.length > 0) input.unshift(start);
  return start;
}

function moreComes(input: Readable): Promise<boolean> {
  if (input.readableEnded || input.destroyed) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const settle = (more: boolean, error?: Error): void => {
      input.off('readable', readable).off('end', ended).off('error', failed);
      if (error) reject(error);
      else resolve(more);
    };
    const readable = (): void => settle(true);
    const ended = (): void => settle(false);
    const failed = (error: Error): void => settle(false, error);
    input.on('readable', readable).on('end', ended).on('error', failed);
  });
}

interface ZlibWithZstd {
  createZstdDecompress?: (options: { chunkSize: number }) => Transform;
}

/** Node.js has zstd itself from 22.15 on. */
function zstdDecoder(): Transform {
  const native = (zlib as ZlibWithZstd).createZstdDecompress;
  return native === undefined ? zstdInJavaScript() : native({ chunkSize: CHUNK });
}

function zstdInJavaScript(): Transform {
  const decoder = new Decompress();
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      decoder.ondata = (data) => this.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      try {
        decoder.push(piece);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      decoder.ondata = (data) => this.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      try {
        decoder.push(new Uint8Array(0), true);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}
