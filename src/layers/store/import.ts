import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ImageError } from '../image-error.js';
import { openArchive, type Archive } from '../oci/archive.js';
import { shortId, type Digest } from '../oci/digest.js';
import { parseImageConfig } from '../oci/image-config.js';
import { nameFromPlace, splitTag, type ImageSource } from '../oci/image-source.js';
import { formatPlatform, platformOfThisMachine, type Platform } from '../oci/platform.js';
import { readImages } from '../oci/read-images.js';
import { formatReference, nameToGive } from '../oci/reference.js';
import { randomId } from './files.js';
import { addImage } from './image-database.js';
import { withLock } from './lock.js';
import { NewLayers, type Base, type LayerOptions } from './new-layers.js';
import { readNamesOfImages, writeNamesOfImages } from './repositories.js';
import type { ImageStore } from './store.js';
import { sweep } from './sweep.js';

export interface ImportOptions extends Omit<LayerOptions, 'onProgress'> {
  /** The name to give the image, instead of those that the archive gives. */
  name?: string;
  platform?: Platform;
  /** Another process has the store to itself, and is waited for. */
  onWaiting?: () => void;
  onLayer?: (event: LayerEvent) => void;
}

export interface LayerEvent {
  /** From 1. */
  number: number;
  count: number;
  /** The store has it already. */
  known: boolean;
  /** Bytes of the blob that have been read, and all of them. */
  bytes: number;
  total: number;
}

export interface Imported {
  id: Digest;
  names: string[];
}

/**
 * Takes the images of an archive of docker save or of an OCI layout (`PLACE[:TAG]`) into the store: all of them, or none.
 * @throws ImageError or LayerError
 */
export async function importImages(store: ImageStore, written: string, options: ImportOptions = {}): Promise<Imported[]> {
  if (options.name !== undefined) nameToGive(options.name);
  const { place, tag } = splitTag(written, existsSync);
  return withLock(store, 'exclusive', options.onWaiting ?? (() => undefined), async () => {
    sweep(store);
    const spool = path.join(store.temporary, `archive-${randomId().slice(0, 16)}`);
    try {
      const archive = await openArchive(place, spool);
      try {
        const platform = options.platform ?? platformOfThisMachine();
        return await takeAll(store, archive, readImages(archive, { tag, platform }), options);
      } finally {
        archive.close();
      }
    } finally {
      rmSync(spool, { force: true });
    }
  });
}

async function takeAll(store: ImageStore, archive: Archive, images: readonly ImageSource[], options: ImportOptions): Promise<Imported[]> {
  if (options.name !== undefined && images.length > 1) {
    throw new ImageError(`${archive.where} has ${images.length} images, and one name was given; choose with ${archive.where}:TAG`);
  }
  const layers = new NewLayers(store.paths);
  try {
    const taken = [];
    for (const image of images) {
      await takeLayers(layers, archive, image, options);
      taken.push({ config: image.config, names: namesFor(archive, image, options) });
    }
    layers.commit();
    const names = readNamesOfImages(store.paths);
    const imported = taken.map(({ config, names: own }) => {
      const id = addImage(store.paths, config);
      for (const name of own) names.set(name, id);
      return { id, names: own };
    });
    writeNamesOfImages(store.paths, names);
    return imported;
  } catch (error) {
    layers.rollBack();
    throw error;
  }
}

function namesFor(archive: Archive, image: ImageSource, { name }: ImportOptions): string[] {
  if (name !== undefined) return [nameToGive(name)];
  if (image.names.length > 0) return image.names;
  const own = nameFromPlace(archive.where);
  return own === undefined ? [] : [formatReference({ repository: own, tag: undefined, digest: undefined })];
}

async function takeLayers(layers: NewLayers, archive: Archive, image: ImageSource, options: ImportOptions): Promise<void> {
  const config = parseImageConfig(image.config, `${archive.where}: configuration`);
  checkPlatform(archive, config, options.platform);
  let base: Base = { diffIds: [], cacheIds: [] };
  for (const [index, source] of image.layers.entries()) {
    const diffId = config.diffIds[index];
    const event = { number: index + 1, count: image.layers.length, bytes: 0, total: archive.sizeOf(source.name) };
    const known = layers.find(base, diffId) !== undefined;
    options.onLayer?.({ ...event, known });
    const layer = { open: () => archive.open(source.name), diffId, digest: source.digest, what: `${archive.where}: layer ${event.number} (${shortId(diffId)})` };
    base = await layers.add(base, layer, { ...options, onProgress: (bytes) => options.onLayer?.({ ...event, known: false, bytes }) });
  }
}

/** A layer applies anywhere; only whoever asked for a platform is told that this is another. */
function checkPlatform(archive: Archive, config: { os: string | undefined; architecture: string | undefined }, wanted: Platform | undefined): void {
  const { os = 'linux', architecture } = config;
  if (os !== 'linux') throw new ImageError(`${archive.where}: the image is for ${os}; only images for linux can be mounted`);
  if (wanted !== undefined && architecture !== undefined && architecture !== wanted.architecture) {
    throw new ImageError(`${archive.where} has no image for ${formatPlatform(wanted)}; it has ${os}/${architecture}`);
  }
}
