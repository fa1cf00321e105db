// Layers on their way into the store. Nothing finds them before commit().
import { mkdirSync, openSync, closeSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { syncfs } from '../../posix/file.js';
import { nameFromText } from '../../posix/name.js';
import { applyLayer, type ApplyOptions } from '../apply.js';
import { ImageError } from '../image-error.js';
import { algorithmOf, chainIds, hexOf, shortId, type Digest } from '../oci/digest.js';
import { randomId, writeWhole } from './files.js';
import { hasLayer, readLayer } from './layer-database.js';
import type { StorePaths } from './paths.js';
import { removeDirectory, removeDriverLayer } from './removal.js';
import { copyDirectoryAttributes, lookThrough } from './stack.js';
import { TarSplitRecorder } from './tar-split.js';

/** What a layer lies on, and is known by there. */
export interface Base {
  diffIds: readonly Digest[];
  /** From the lowest up. */
  cacheIds: readonly string[];
}

export interface NewLayer {
  /** Its archive, compressed or not. */
  open: () => Readable;
  /** What the archive must be; undefined where it is made now. */
  diffId: Digest | undefined;
  /** Of the archive as it comes. */
  digest: Digest | undefined;
  /** For error lines. */
  what: string;
}

export type LayerOptions = Pick<ApplyOptions, 'limits' | 'onProgress' | 'onWarning' | 'unsupported'>;

interface Pending {
  chainId: Digest;
  cacheId: string;
  /** The record, in layerdb/tmp. */
  record: string;
}

export class NewLayers {
  readonly #paths: StorePaths;
  readonly #pending = new Map<Digest, Pending>();
  readonly #blobs: { digest: Digest; diffId: Digest }[] = [];

  constructor(paths: StorePaths) {
    this.#paths = paths;
  }

  /** A layer that is in the store, or has been added before. */
  find(base: Base, diffId: Digest): string | undefined {
    const chainId = chainIds([...base.diffIds, diffId]).at(-1)!;
    return this.#pending.get(chainId)?.cacheId ?? (hasLayer(this.#paths, chainId) ? readLayer(this.#paths, chainId).cacheId : undefined);
  }

  /**
   * Puts a layer on others.
   * @throws ImageError or LayerError, with nothing left of it
   */
  async add(base: Base, layer: NewLayer, options: LayerOptions): Promise<Base> {
    const there = layer.diffId && this.find(base, layer.diffId);
    if (there !== undefined) return onTop(base, layer.diffId!, there);
    const cacheId = randomId();
    const record = path.join(this.#paths.unfinishedLayers, `write-set-${cacheId.slice(0, 16)}`);
    try {
      mkdirSync(record, { mode: 0o755 });
      // First: it tells whose files these are, should there be a crash.
      writeFileSync(path.join(record, 'cache-id'), cacheId);
      const { diffId, digest, size } = await this.#fill(base, layer, cacheId, record, options);
      const known = this.find(base, diffId);
      if (known !== undefined) {
        this.#remove(cacheId, record);
        return onTop(base, diffId, known);
      }
      const ids = chainIds([...base.diffIds, diffId]);
      writeFileSync(path.join(record, 'diff'), diffId);
      writeFileSync(path.join(record, 'size'), String(size));
      if (base.diffIds.length > 0) writeFileSync(path.join(record, 'parent'), ids.at(-2)!);
      writeFileSync(this.#paths.parents(cacheId), base.cacheIds.toReversed().map((id) => `${id}\n`).join(''), { mode: 0o644 });
      mkdirSync(this.#paths.mountpoint(cacheId), { mode: 0o755 });
      this.#pending.set(ids.at(-1)!, { chainId: ids.at(-1)!, cacheId, record });
      if (digest !== diffId) this.#blobs.push({ digest, diffId });
      return onTop(base, diffId, cacheId);
    } catch (error) {
      this.#remove(cacheId, record);
      throw error;
    }
  }

  async #fill(
    base: Base, layer: NewLayer, cacheId: string, record: string, options: LayerOptions,
  ): Promise<{ diffId: Digest; digest: Digest; size: number }> {
    if (layer.diffId !== undefined && algorithmOf(layer.diffId) !== 'sha256') throw new ImageError(`${layer.what}: only sha256 is used for layers`);
    const below = base.cacheIds.toReversed().map((id) => nameFromText(this.#paths.diff(id)));
    const directory = this.#paths.diff(cacheId);
    mkdirSync(directory, { mode: 0o755 });
    // A layer that says nothing of the root leaves it as it is.
    if (below.length > 0) copyDirectoryAttributes(below[0], nameFromText(directory));
    const recorder = new TarSplitRecorder(path.join(record, 'tar-split.json.gz'));
    try {
      const applied = await applyLayer(layer.open(), directory, {
        ...options, into: true, ...sha256(layer), onArchive: (piece) => recorder.push(piece),
      });
      recorder.finish();
      for (const parts of recorder.unmentioned()) {
        const shown = lookThrough(below, parts);
        if (shown?.kind === 'directory') copyDirectoryAttributes(shown.top, [nameFromText(directory), ...parts].join('/'));
      }
      return { diffId: applied.diffId as Digest, digest: applied.digest as Digest, size: applied.size };
    } catch (error) {
      recorder.abandon();
      throw new ImageError(`${layer.what}: ${(error as Error).message}`);
    }
  }

  /** All that was added becomes part of the store. What a crash interrupts here is whole, or is swept away. */
  commit(): void {
    if (this.#pending.size === 0) return;
    // A record must not outlive a power cut that its files do not.
    const fd = openSync(this.#paths.root, 'r');
    syncfs(fd);
    closeSync(fd);
    for (const [chainId, { record }] of this.#pending) renameSync(record, this.#paths.layer(chainId));
    this.#pending.clear();
    for (const { digest, diffId } of this.#blobs) this.#noteBlob(digest, diffId);
  }

  rollBack(): void {
    for (const { cacheId, record } of this.#pending.values()) this.#remove(cacheId, record);
    this.#pending.clear();
  }

  #remove(cacheId: string, record: string): void {
    removeDriverLayer(this.#paths, cacheId);
    removeDirectory(record);
  }

  /** distribution/: which blob was which layer. Docker pushes and pulls by it. */
  #noteBlob(digest: Digest, diffId: Digest): void {
    writeWhole(this.#paths.diffIdOfBlob(digest), diffId, 0o644);
    writeWhole(this.#paths.blobsOfDiffId(diffId), JSON.stringify([{ Digest: digest, SourceRepository: '', HMAC: '' }]), 0o644);
  }
}

function sha256({ diffId, digest }: NewLayer): { diffId?: string; digest?: string } {
  if (digest !== undefined && algorithmOf(digest) !== 'sha256') throw new ImageError(`layer ${shortId(hexOf(digest))}: only sha256 is used for layers`);
  return { ...(diffId === undefined ? {} : { diffId }), ...(digest === undefined ? {} : { digest }) };
}

function onTop(base: Base, diffId: Digest, cacheId: string): Base {
  return { diffIds: [...base.diffIds, diffId], cacheIds: [...base.cacheIds, cacheId] };
}
