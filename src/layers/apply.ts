// Applying a layer: an archive becomes a directory that can be a branch.

import type { Readable } from 'node:stream';
import path from 'node:path';
import { AT, mkdirat, renameat2, RENAME } from '../posix/directory.js';
import { geteuid } from '../posix/credentials.js';
import { E, Errno } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { nameFromText } from '../posix/name.js';
import { removeTree } from '../union/remove-tree.js';
import { decompress, type Compression } from './decompress.js';
import type { LayerEntry } from './entry.js';
import { LayerError } from './error.js';
import { defaultLimits, type LayerLimits } from './limits.js';
import { Meter } from './meter.js';
import { readTar } from './read-tar.js';
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
 * Applies a layer (tar; plain, gzip or zstd) to a directory. Whiteouts become AUFS's files. `directory` is a path as text.
 * Rejects with a LayerError: one line.
 */
export async function applyLayer(input: Readable, directory: string, options: ApplyOptions = {}): Promise<AppliedLayer> {
  const target = new Target(directory, options.into ?? false);
  try {
    const writer = new TreeWriter(target.fd, {
      owners: options.owners ?? geteuid() === 0,
      unsupported: options.unsupported ?? 'refuse',
      warn: options.onWarning ?? (() => undefined),
    });
    try {
      const applied = await read(input, writer, options);
      writer.finish();
      target.keep();
      return applied;
    } finally {
      writer.abandon();
    }
  } finally {
    input.destroy();
    target.end();
  }
}

async function read(input: Readable, writer: TreeWriter, options: ApplyOptions): Promise<AppliedLayer> {
  const limits = { ...defaultLimits, ...options.limits };
  const blob = new Meter(Infinity, options.onProgress);
  input.on('error', (error) => blob.destroy(error));
  const { output, compression } = await decompress(input.pipe(blob));
  const archive = new Meter(limits.bytes);
  output.on('error', (error) => archive.destroy(error));
  await readTar(output.pipe(archive), {
    entry(entry) {
      if (writer.entries >= limits.entries) throw new LayerError(`the layer has more than ${limits.entries} entries, the limit; allow more with --max-entries`);
      writer.entry(options.mapEntry === undefined ? entry : options.mapEntry(entry));
    },
    data: (piece) => writer.data(piece),
    end: () => writer.end(),
  });
  const diffId = archive.digest();
  const digest = compression === 'none' ? diffId : blob.digest();
  expectDigest('the layer', options.digest, digest);
  expectDigest('the uncompressed layer', options.diffId, diffId);
  return { diffId, digest, compression, size: writer.size, archiveSize: archive.bytes, entries: writer.entries, whiteouts: writer.whiteouts };
}

function expectDigest(what: string, expected: string | undefined, found: string): void {
  if (expected !== undefined && expected !== found) throw new LayerError(`${what} has the digest ${found}, and not ${expected}: it is damaged or another one`);
}

/** The directory that the layer goes to: a hidden one beside its place until it is complete. */
class Target {
  readonly fd: number;
  private readonly parent: number;
  private readonly name: string;
  private temporary: string | null = null;

  constructor(directory: string, into: boolean) {
    const whole = path.resolve(directory);
    this.name = nameFromText(path.basename(whole));
    this.parent = openat(AT.FDCWD, nameFromText(path.dirname(whole)), O.PATH | O.DIRECTORY, 0);
    if (this.parent < 0) throw new LayerError(`${path.dirname(whole)}: ${new Errno(-this.parent).message}`);
    try {
      this.fd = into ? this.openExisting(whole) : this.makeTemporary(whole);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  private openExisting(whole: string): number {
    const fd = openat(AT.FDCWD, nameFromText(whole), O.PATH | O.DIRECTORY, 0);
    if (fd < 0) throw new LayerError(`${whole}: ${new Errno(-fd).message}`);
    return fd;
  }

  private makeTemporary(whole: string): number {
    const there = openat(this.parent, this.name, O.PATH | O.NOFOLLOW, 0);
    if (there >= 0) {
      close(there);
      throw new LayerError(`${whole} exists; name a directory that does not, or add to it with --into`);
    }
    const name = `.${this.name.slice(0, 200)}.${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
    const made = mkdirat(this.parent, name, 0o700);
    if (made < 0) throw new LayerError(`${path.dirname(whole)}: ${new Errno(-made).message}`);
    this.temporary = name;
    const fd = openat(this.parent, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
    if (fd < 0) throw new LayerError(`${whole}: ${new Errno(-fd).message}`);
    return fd;
  }

  /** The layer is complete: it takes its place. */
  keep(): void {
    if (this.temporary === null) return;
    const renamed = renameat2(this.parent, this.temporary, this.parent, this.name, RENAME.NOREPLACE);
    if (renamed === -E.EEXIST) throw new LayerError(`${Buffer.from(this.name, 'latin1').toString()} was made by somebody else meanwhile`);
    if (renamed < 0) throw new LayerError(new Errno(-renamed).message);
    this.temporary = null;
  }

  end(): void {
    if (this.temporary !== null) removeTree(this.parent, this.temporary);
    this.temporary = null;
    if ((this.fd as number | undefined) !== undefined) close(this.fd);
    close(this.parent);
  }
}
