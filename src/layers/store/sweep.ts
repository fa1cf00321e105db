// What crashes have left, and layers that nothing needs. The caller has the exclusive lock: nobody is at work.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chainIds, type Digest } from '../oci/digest.js';
import { idPattern, readNames, readText } from './files.js';
import { listImages, readImage } from './image-database.js';
import { listLayers, listMountIds, readMount } from './layer-database.js';
import type { StorePaths } from './paths.js';
import { removeAside, removeDirectory, removeDriverLayer, removing } from './removal.js';
import type { ImageStore } from './store.js';

/** Removes what no image and no container has. */
export function sweep(store: ImageStore): void {
  const { paths } = store;
  for (const name of readNames(store.temporary)) removeDirectory(path.join(store.temporary, name));
  for (const name of readNames(paths.unfinishedLayers)) removeUnfinished(paths, path.join(paths.unfinishedLayers, name));
  for (const directory of [path.dirname(paths.diff('x')), path.dirname(paths.mountpoint('x')), paths.layer(), paths.mount()]) {
    for (const name of readNames(directory)) if (name.endsWith(removing)) removeDirectory(path.join(directory, name));
  }
  removeUnused(paths);
}

/** A record that never took its place: the files that were made for it go with it. */
function removeUnfinished(paths: StorePaths, record: string): void {
  for (const file of ['cache-id', 'mount-id', 'init-id']) {
    const id = readText(path.join(record, file));
    if (id !== undefined && idPattern.test(id)) removeDriverLayer(paths, id);
  }
  removeDirectory(record);
}

function removeUnused(paths: StorePaths): void {
  const used = usedLayers(paths);
  if (used === undefined) return;
  for (const chainId of listLayers(paths)) {
    if (!used.has(chainId)) removeLayer(paths, chainId);
  }
}

/** First the record, so that nothing finds a layer without its files. */
function removeLayer(paths: StorePaths, chainId: Digest): void {
  const cacheId = readText(path.join(paths.layer(chainId), 'cache-id'));
  removeAside(paths.layer(chainId));
  if (cacheId !== undefined && idPattern.test(cacheId)) removeDriverLayer(paths, cacheId);
}

/**
 * The layers that images and containers have, but for some of these. Undefined where one of them cannot be read: then any
 * layer may be one of its.
 */
export function usedLayers(paths: StorePaths, without: ReadonlySet<string> = new Set()): Set<Digest> | undefined {
  const used = new Set<Digest>();
  const use = (top: Digest | undefined): void => {
    for (let next = top; next !== undefined && !used.has(next); next = parentOf(paths, next)) used.add(next);
  };
  try {
    for (const id of listImages(paths).filter((image) => !without.has(image))) for (const chainId of chainIds(readImage(paths, id).diffIds)) used.add(chainId);
    for (const id of listMountIds(paths).filter((container) => !without.has(container))) use(readMount(paths, id).parent);
  } catch {
    return undefined;
  }
  return used;
}

function parentOf(paths: StorePaths, chainId: Digest): Digest | undefined {
  return readText(path.join(paths.layer(chainId), 'parent')) as Digest | undefined;
}

/** The record of a container goes first: without it nothing leads to its layers. */
export function removeContainer(paths: StorePaths, containerId: string, ids: readonly string[]): void {
  removeAside(paths.mount(containerId));
  for (const id of ids) removeDriverLayer(paths, id);
  if (existsSync(paths.container(containerId))) removeDirectory(paths.container(containerId));
}
