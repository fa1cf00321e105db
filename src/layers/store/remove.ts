import { ImageError } from '../image-error.js';
import { chainIds, isDigest, shortId, type Digest } from '../oci/digest.js';
import { listContainers, readContainer } from './container.js';
import { listImages, readImage, removeImage } from './image-database.js';
import { hasLayer, readLayer, readMount } from './layer-database.js';
import type { StorePaths } from './paths.js';
import { findById, findImage, namesOf, readNamesOfImages, writeNamesOfImages } from './repositories.js';
import type { ImageStore } from './store.js';
import { removeContainer, sweep, usedLayers } from './sweep.js';

export interface RemoveOptions {
  /** Also an image of several names given by its id, and containers that were made from it. */
  force: boolean;
  /** Where a directory of the store is in use by a mount, its mount point. */
  mountedOn: (directory: string) => string | undefined;
}

/**
 * Removes a name; with the last one, or by its id, the image, and the layers that nothing else has. Removes a container by its id.
 * The caller has the exclusive lock.
 * @returns a line for each thing that is gone
 * @throws ImageError
 */
export function removeFromStore(store: ImageStore, written: string, options: RemoveOptions): string[] {
  const { paths } = store;
  const containers = listContainers(paths);
  const images = listImages(paths);
  const names = readNamesOfImages(paths);
  if (!names.has(written)) {
    const id = findById(written, [...images, ...containers]);
    if (id !== undefined && !isDigest(id)) return removeOneContainer(store, id, options);
  }
  const { id, name } = findImage(written, names, images);
  const all = namesOf(names, id);
  if (name !== undefined && all.length > 1 && !options.force) {
    names.delete(name);
    writeNamesOfImages(paths, names);
    return [`untagged ${name}`];
  }
  if (all.length > 1 && !options.force) {
    throw new ImageError(`image ${shortId(id)} has several names (${all.join(', ')}); remove them by name, or all with --force`);
  }
  const removed = removeContainersOf(store, id, containers, options);
  for (const own of all) names.delete(own);
  writeNamesOfImages(paths, names);
  removeImage(paths, id);
  sweep(store);
  return [...removed, ...all.map((own) => `untagged ${own}`), `removed image ${shortId(id)}`];
}

function removeContainersOf(store: ImageStore, image: Digest, containers: readonly string[], options: RemoveOptions): string[] {
  const made = containers.filter((id) => imageOf(store, id) === image);
  if (made.length > 0 && !options.force) {
    throw new ImageError(`image ${shortId(image)} is in use by container ${made.map(shortId).join(', ')}; remove that first, or with --force`);
  }
  // All can go, or none goes.
  for (const id of made) refuseMounted(store, id, options);
  refuseLayersInUse(store, image, made, options);
  return made.flatMap((id) => removeOneContainer(store, id, options));
}

/** An image can be mounted without a container. */
function refuseLayersInUse({ paths }: ImageStore, image: Digest, containers: readonly string[], { mountedOn }: RemoveOptions): void {
  const kept = usedLayers(paths, new Set([image, ...containers]));
  for (const chainId of layersOf(paths, image)) {
    if (kept?.has(chainId) || !hasLayer(paths, chainId)) continue;
    const mountpoint = mountedOn(readLayer(paths, chainId).directory);
    if (mountpoint !== undefined) throw new ImageError(`image ${shortId(image)} is mounted on ${mountpoint}; unmount it first with tsaufs umount ${mountpoint}`);
  }
}

/** None where the image is damaged: it can be removed all the same. */
function layersOf(paths: StorePaths, image: Digest): Digest[] {
  try {
    return chainIds(readImage(paths, image).diffIds);
  } catch {
    return [];
  }
}

function imageOf(store: ImageStore, containerId: string): Digest | undefined {
  try {
    return readContainer(store.paths, containerId).image;
  } catch {
    return undefined;
  }
}

function removeOneContainer(store: ImageStore, id: string, options: RemoveOptions): string[] {
  refuseMounted(store, id, options);
  const { mountId, initId } = readMount(store.paths, id);
  removeContainer(store.paths, id, [mountId, ...(initId === undefined ? [] : [initId])]);
  return [`removed container ${shortId(id)}`];
}

function refuseMounted(store: ImageStore, id: string, { mountedOn }: RemoveOptions): void {
  const mountpoint = mountedOn(store.paths.diff(readMount(store.paths, id).mountId));
  if (mountpoint !== undefined) throw new ImageError(`container ${shortId(id)} is mounted on ${mountpoint}; unmount it first with tsaufs umount ${mountpoint}`);
}
