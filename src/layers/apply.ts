// Applying a layer: an archive becomes a directory that can be a branch.

import { pipeline, type Duplex, type Readable } from 'node:stream';
import { geteuid } from '../posix/credentials.js';
import { ApplyTarget } from './apply-target.js';
import { decompressor, detectCompression, explainDamage, type Compression } from './decompress.js';
import { DigestThread } from './digest-thread.js';
import type { LayerEntry } from './entry.js';
import { LayerError } from './error.js';
import { LayerFile } from './layer-file.js';
import { beyondLimit, defaultLimits, type LayerLimits } from './limits.js';
import { Meter } from './meter.js';
import { readTar, type EntryVisitor } from './read-tar.js';
import { TreeWriter } from './tree-writer.js';

export interface ApplyOptions {
  /**
   * false (default): the directory must not exist; it appears when the layer is complete, and not at all if it is refused.
   * true: the layer is added to a directory that exists; what was added before an error stays.
   */
  into?: boolean;
  /** Give files the archive's owners. Default: whether this process is root; else they belong to whoever runs it. */
  owners?: boolean;
  /** Devices and xattrs that cannot be made here: `refuse` (default), or `skip` with a warning. */
  unsupported?: 'refuse' | 'skip';
  /** Changes an entry before it is made, such as its owner. */
  mapEntry?: (entry: LayerEntry) => LayerEntry;
  limits?: Partial<LayerLimits>;
  /** `sha256:…`: the layer is refused if its uncompressed archive has another digest. */
  diffId?: string;
  /** `sha256:…`: the layer is refused if `input`, as it comes, has another digest. */
  digest?: string;
  onWarning?: (message: string) => void;
  /** Bytes of `input` taken so far. */
  onProgress?: (bytes: number) => void;
  /** Each piece of the uncompressed archive, in order, before it is read. Valid during the call. */
  onArchive?: (piece: Buffer) => void;
}

export interface AppliedLayer {
  /** `sha256:` and the digest, in hex, of the uncompressed archive. */
  diffId: string;
  /** The same of `input` as it came: the digest of the layer's blob. */
  digest: string;
  compression: Compression;
  /** Bytes of the files' contents; hard links count once. What Docker calls the layer's size. */
  size: number;
  /** Bytes of the uncompressed archive. */
  archiveSize: number;
  entries: number;
  whiteouts: number;
}

/**
 * Applies a layer (tar; plain, gzip or zstd) to a directory; fastest from a LayerFile. Whiteouts become AUFS's files.
 * `directory` is a path as text.
 * Rejects with a LayerError: one line.
 */
export async function applyLayer(input: Readable, directory: string, options: ApplyOptions = {}): Promise<AppliedLayer> {
  try {
    const target = new ApplyTarget(directory, options.into ?? false);
    try {
      return await applyTo(target, input, options);
    } finally {
      target.end();
    }
  } finally {
    input.destroy();
  }
}

async function applyTo(target: ApplyTarget, input: Readable, options: ApplyOptions): Promise<AppliedLayer> {
  const writer = new TreeWriter(target.fd, {
    owners: options.owners ?? geteuid() === 0,
    unsupported: options.unsupported ?? 'refuse',
    isHidden: target.isHidden,
    warn: options.onWarning ?? (() => undefined),
  });
  try {
    const applied = await read(input, writer, options);
    writer.finish();
    target.keep();
    return applied;
  } finally {
    writer.close();
  }
}

async function read(input: Readable, writer: TreeWriter, options: ApplyOptions): Promise<AppliedLayer> {
  const limits = { ...defaultLimits, ...options.limits };
  const compression = await detectCompression(input);
  const blob = new Meter(Infinity, options.onProgress);
  const archive = compression === 'none' ? blob : new Meter();
  archive.limit = limits.bytes;
  archive.onPiece = options.onArchive;
  const file = input instanceof LayerFile && input.isLarge() && DigestThread.isPossible() ? input : null;
  if (file !== null) blob.useThread((piece) => file.doneWith(piece));
  // The digest and the archive's reader; a decompressor does not tell when it is done with a piece.
  if (archive === blob) file?.reuseMemory(2);
  const failed = compression === 'none' ? chain([input, archive]) : chain([input, blob, await decompressor(compression), archive]);
  try {
    await readTar(archive, guarded(writer, limits, options.mapEntry), file === null || archive !== blob ? undefined : (piece) => file.doneWith(piece));
  } catch (error) {
    // The first to fail knows why; what comes after it only learns that it ends.
    const cause = failed.error ?? error as Error;
    throw explainDamage(cause, compression) ?? cause;
  }
  const diffId = await archive.digest();
  const digest = archive === blob ? diffId : await blob.digest();
  expectDigest('the layer', options.digest, digest);
  expectDigest('the uncompressed layer', options.diffId, diffId);
  return { diffId, digest, compression, size: writer.size, archiveSize: archive.bytes, entries: writer.entries, whiteouts: writer.whiteouts };
}

/** Each into the next; when one fails, all end. */
function chain(streams: (Readable | Duplex)[]): { error?: Error } {
  const outcome: { error?: Error } = {};
  pipeline(streams as [Readable, ...Duplex[]], (error) => {
    if (error) outcome.error = error;
  });
  return outcome;
}

function guarded(writer: TreeWriter, limits: LayerLimits, mapEntry?: (entry: LayerEntry) => LayerEntry): EntryVisitor {
  return {
    entry(entry) {
      if (writer.entries >= limits.entries) throw new LayerError(`the layer has more than ${limits.entries} entries, the limit; allow more with --max-entries`);
      if (writer.size + entry.size > limits.bytes) throw beyondLimit(limits.bytes);
      writer.entry(mapEntry === undefined ? entry : mapEntry(entry));
    },
    data: (piece) => writer.data(piece),
    end: () => writer.end(),
  };
}

function expectDigest(what: string, expected: string | undefined, found: string): void {
  if (expected !== undefined && expected !== found) throw new LayerError(`${what} has the digest ${found}, and not ${expected}: it is damaged or another one`);
}
