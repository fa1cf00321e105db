// Packing a branch as a layer: the same branch gives the same bytes, wherever and whenever it is packed.

import { PassThrough, type Readable, pipeline } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib from 'node:zlib';
import { pack, type Pack } from 'tar-stream';
import { AT } from '../posix/directory.js';
import { Errno, must } from '../posix/errno.js';
import { close, O, openat, pread } from '../posix/file.js';
import { allocate } from '../posix/memory.js';
import { nameFromText } from '../posix/name.js';
import type { LayerEntry } from './entry.js';
import { LayerError, shownName } from './error.js';
import { Meter } from './meter.js';
import { type FoundEntry, readTree } from './tree-reader.js';
import { addFile, addHeader } from './write-tar.js';

export interface PackOptions {
  /** `none` (default) or `gzip`. */
  compression?: 'none' | 'gzip';
  /** Changes an entry before it is packed, such as its owner. */
  mapEntry?: (entry: LayerEntry) => LayerEntry;
  onWarning?: (message: string) => void;
  /** Bytes of the uncompressed archive so far. */
  onProgress?: (bytes: number) => void;
}

export interface LayerSummary {
  /** `sha256:` and the digest, in hex, of the uncompressed archive. */
  diffId: string;
  /** The same of the stream as it came out: the digest of the layer's blob. */
  digest: string;
  /** Bytes that came out. */
  blobSize: number;
  /** Bytes of the uncompressed archive. */
  archiveSize: number;
  /** Bytes of the files' contents; hard links count once. */
  size: number;
  entries: number;
}

export interface PackedLayer extends Readable {
  /** Settles when the stream has ended: it must be read to its end. Rejects with what the stream fails with. */
  readonly summary: Promise<LayerSummary>;
}

/** Packs a branch (a path as text) as a layer's archive. The stream fails with a LayerError: one line. */
export function packLayer(directory: string, options: PackOptions = {}): PackedLayer {
  const archive = pack();
  const clear = new Meter(Infinity, options.onProgress);
  const blob = new Meter();
  const counted = { size: 0, entries: 0 };
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  const summary = new Promise<LayerSummary>((resolve, reject) => {
    const ended = (error: Error | null | undefined): void => {
      if (error) reject(error);
      else summarise(clear, options.compression === 'gzip' ? blob : clear, counted).then(resolve, reject);
    };
    const source = archive as unknown as NodeJS.ReadableStream;
    // No name and no time in gzip's header: zlib writes none.
    if (options.compression === 'gzip') pipeline(source, clear, zlib.createGzip({ chunkSize: 1 << 18 }), blob, out, ended);
    else pipeline(source, clear, out, ended);
  });
  summary.catch(() => undefined);
  void fill(archive, directory, options, counted);
  return Object.assign(out, { summary });
}

async function summarise(clear: Meter, blob: Meter, counted: { size: number; entries: number }): Promise<LayerSummary> {
  return { diffId: await clear.digest(), digest: await blob.digest(), blobSize: blob.bytes, archiveSize: clear.bytes, ...counted };
}

/** Entries between two turns of the event loop. */
const TURN = 256;

async function fill(archive: Pack, directory: string, options: PackOptions, counted: { size: number; entries: number }): Promise<void> {
  try {
    const root = must(openat(AT.FDCWD, nameFromText(directory), O.PATH | O.DIRECTORY, 0), directory);
    try {
      const mapEntry = options.mapEntry ?? ((entry: LayerEntry) => entry);
      for (const found of readTree(root, options.onWarning ?? (() => undefined))) {
        if (archive.destroyed) return;
        const entry = mapEntry(found.entry);
        counted.entries++;
        counted.size += entry.size;
        if (entry.size > 0) await addContent(archive, { ...found, entry });
        else await addHeader(archive, entry);
        // Headers pass without waiting for whoever reads: here he gets his turn.
        if (counted.entries % TURN === 0) await nextTurn();
      }
      archive.finalize();
    } finally {
      close(root);
    }
  } catch (error) {
    archive.destroy(asLayerError(error));
  }
}

async function addContent(archive: Pack, { entry, dirfd, name }: FoundEntry): Promise<void> {
  const fd = must(openat(dirfd, name, O.RDONLY | O.NOFOLLOW, 0), shownName(entry.name));
  try {
    await addFile(archive, entry, contentOf(fd, entry.size, entry.name));
  } finally {
    close(fd);
  }
}

const PIECE = 1 << 20;
const buffer = allocate(PIECE);

function asLayerError(error: unknown): Error {
  return error instanceof Errno ? new LayerError(error.message) : error as Error;
}

/** Exactly `size` bytes: a file that was truncated meanwhile is an error, what was appended is left out. */
function* contentOf(fd: number, size: number, name: string): Generator<Buffer> {
  for (let at = 0; at < size;) {
    const count = pread(fd, buffer.address, Math.min(PIECE, size - at), at);
    if (count < 0) throw new LayerError(`${shownName(name)}: ${new Errno(-count).message}`);
    if (count === 0) throw new LayerError(`${shownName(name)} became shorter while it was packed`);
    at += count;
    yield Buffer.from(buffer.bytes.subarray(0, count));
  }
}
