import type { Transform} from 'node:stream';
import { type Readable } from 'node:stream';
import zlib from 'node:zlib';
import { LayerError } from './error.js';

/** How a layer is compressed, told by its first bytes. */
export type Compression = 'none' | 'gzip' | 'zstd';

const MAGIC = 4;
const CHUNK = 1 << 20;

function compressionOf(start: Buffer): Compression {
  if (start.length >= 2 && start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start.length < MAGIC) return 'none';
  const magic = start.readUInt32LE(0);
  // A frame, or one that is to be skipped: pzstd begins with such.
  if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  return 'none';
}

/** Tells how a stream is compressed, and leaves it as it was. Rejects with what the stream fails with. */
export async function detectCompression(input: Readable): Promise<Compression> {
  for (;;) {
    const start = input.read(MAGIC) as Buffer | null;
    if (start !== null) {
      input.unshift(start);
      return compressionOf(start);
    }
    if (!await moreComes(input)) return 'none';
  }
}

function moreComes(input: Readable): Promise<boolean> {
  if (input.errored) return Promise.reject(input.errored);
  if (input.readableEnded || input.destroyed) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    const settle = (more: boolean, error?: Error): void => {
      input.off('readable', readable).off('end', ended).off('close', ended).off('error', failed);
      if (error) reject(error);
      else resolve(more);
    };
    const readable = (): void => settle(true);
    const ended = (): void => settle(false);
    const failed = (error: Error): void => settle(false, error);
    input.on('readable', readable).on('end', ended).on('close', ended).on('error', failed);
  });
}

interface ZlibWithZstd {
  createZstdDecompress?: (options: { chunkSize: number }) => Transform;
}

/** What makes the archive of such data; it fails with what explainDamage knows. */
export async function decompressor(compression: 'gzip' | 'zstd'): Promise<Transform> {
  if (compression === 'gzip') return zlib.createGunzip({ chunkSize: CHUNK });
  // Node.js has zstd itself from 22.15 on, with the limit of 128 MiB.
  const native = (zlib as ZlibWithZstd).createZstdDecompress;
  return native === undefined ? (await import('./zstd.js')).zstdDecoder() : native({ chunkSize: CHUNK });
}

/** The one line for an error of a decompressor; undefined for any other. */
export function explainDamage(error: Error, compression: Compression): LayerError | undefined {
  const code: unknown = (error as { code?: unknown }).code;
  // zlib has codes such as Z_DATA_ERROR, ZSTD_error_… and fzstd numbers.
  const isOurs = typeof code === 'number' || typeof code === 'string' && /^(Z_|ZSTD_)/.test(code);
  return isOurs ? new LayerError(`the layer's ${compression} data is damaged or not complete (${error.message})`) : undefined;
}
