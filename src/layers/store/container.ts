// A container's layers: an image that can be changed. Its record is layerdb/mounts/ID, and containers/ID for what Docker shows.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nameFromText } from '../../posix/name.js';
import { ImageError } from '../image-error.js';
import { chainIds, shortId, type Digest } from '../oci/digest.js';
import { Document } from '../oci/document.js';
import type { ImageConfig } from '../oci/image-config.js';
import { randomId, readBytes } from './files.js';
import { fillInitLayer } from './init-layer.js';
import { existingDiff, listMountIds, readChain, readMount, type StoredLayer } from './layer-database.js';
import type { StorePaths } from './paths.js';
import { removeDirectory, removeDriverLayer } from './removal.js';
import { copyDirectoryAttributes } from './stack.js';

export interface Container {
  id: string;
  image: Digest | undefined;
  created: string | undefined;
  /** The layer that is written to, and its directory. */
  mountId: string;
  directory: string;
  initId: string | undefined;
  /** The image's, from the lowest up. */
  layers: StoredLayer[];
}

export function listContainers(paths: StorePaths): string[] {
  return listMountIds(paths);
}

/** @throws ImageError where it is damaged */
export function readContainer(paths: StorePaths, id: string): Container {
  const { mountId, initId, parent } = readMount(paths, id);
  const what = `container ${shortId(id)}`;
  if (initId !== undefined) existingDiff(paths, initId, what);
  const { image, created } = readConfig(paths, id);
  return {
    id, image, created, mountId, initId,
    directory: existingDiff(paths, mountId, what),
    layers: parent === undefined ? [] : readChain(paths, parent),
  };
}

function readConfig(paths: StorePaths, id: string): { image: Digest | undefined; created: string | undefined } {
  const file = path.join(paths.container(id), 'config.v2.json');
  const bytes = readBytes(file);
  if (bytes === undefined) return { image: undefined, created: undefined };
  const config = Document.parse(bytes, file);
  return { image: config.optionalString('Image') as Digest | undefined, created: config.optionalString('Created') };
}

/** The directories of a container from the top down: what a union is made of. */
export function containerDirectories(paths: StorePaths, { directory, initId, layers }: Container): string[] {
  return [directory, ...(initId === undefined ? [] : [paths.diff(initId)]), ...layers.toReversed().map((layer) => layer.directory)];
}

/**
 * Makes the layers of a new container on an image.
 * @param init whether there is a layer with what container engines mount things on
 */
export function createContainer(paths: StorePaths, image: ImageConfig, init: boolean): Container {
  const parent = chainIds(image.diffIds).at(-1);
  const layers = parent === undefined ? [] : readChain(paths, parent);
  const id = randomId();
  const mountId = randomId();
  const initId = init ? `${mountId}-init` : undefined;
  const record = path.join(paths.unfinishedLayers, `write-set-${mountId.slice(0, 16)}`);
  const created = new Date().toISOString();
  try {
    mkdirSync(record, { mode: 0o755 });
    writeFileSync(path.join(record, 'mount-id'), mountId);
    if (initId !== undefined) writeFileSync(path.join(record, 'init-id'), initId);
    if (parent !== undefined) writeFileSync(path.join(record, 'parent'), parent);
    const below = layers.toReversed().map((layer) => layer.cacheId);
    if (initId !== undefined) {
      makeLayer(paths, initId, below);
      fillInitLayer(nameFromText(paths.diff(initId)), below.map((cacheId) => nameFromText(paths.diff(cacheId))));
    }
    makeLayer(paths, mountId, initId === undefined ? below : [initId, ...below]);
    // The init layer's root has got new times with what was put there.
    if (initId !== undefined && below.length > 0) copyRoot(paths, below[0], initId);
    writeConfig(paths, { id, image: image.id, created });
    renameSync(record, paths.mount(id));
  } catch (error) {
    for (const layer of [mountId, initId]) if (layer !== undefined) removeDriverLayer(paths, layer);
    removeDirectory(paths.container(id));
    removeDirectory(record);
    throw new ImageError(`no layer can be made on image ${shortId(image.id)}: ${(error as Error).message}`);
  }
  return { id, image: image.id, created, mountId, initId, directory: paths.diff(mountId), layers };
}

function makeLayer(paths: StorePaths, cacheId: string, below: readonly string[]): void {
  mkdirSync(paths.diff(cacheId), { mode: 0o755 });
  if (below.length > 0) copyRoot(paths, below[0], cacheId);
  writeFileSync(paths.parents(cacheId), below.map((id) => `${id}\n`).join(''), { mode: 0o644 });
  mkdirSync(paths.mountpoint(cacheId), { mode: 0o755 });
}

/** The root of a union is that of its top layer. */
function copyRoot(paths: StorePaths, from: string, to: string): void {
  copyDirectoryAttributes(nameFromText(paths.diff(from)), nameFromText(paths.diff(to)));
}

/** As much as Docker's tools, and `tsaufs docker inspect`, show of a container. */
function writeConfig(paths: StorePaths, { id, image, created }: { id: string; image: Digest; created: string }): void {
  mkdirSync(paths.container(id), { recursive: true, mode: 0o710 });
  const config = { ID: id, Created: created, Name: `/${shortId(id)}`, Image: image, Driver: paths.driver, OS: 'linux', State: { Running: false } };
  writeFileSync(path.join(paths.container(id), 'config.v2.json'), JSON.stringify(config), { mode: 0o600 });
}

/** The container whose own layer is this directory. */
export function containerOfDirectory(paths: StorePaths, directory: string): string | undefined {
  return listMountIds(paths).find((id) => {
    try {
      return paths.diff(readMount(paths, id).mountId) === directory;
    } catch {
      return false;
    }
  });
}
