import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { ImageError } from '../image-error.js';
import { isDigest, parseDigest, shortId, type Digest } from '../oci/digest.js';
import { idPattern, readNames, readText } from './files.js';
import type { StorePaths } from './paths.js';

/** A layer as `layerdb/sha256/CHAIN` records it. */
export interface StoredLayer {
  chainId: Digest;
  diffId: Digest;
  /** The chain id of the layer below. */
  parent: Digest | undefined;
  /** Names it in the driver's directories. */
  cacheId: string;
  /** Bytes of its files' content; undefined where the record does not say. */
  size: number | undefined;
  /** Its files. */
  directory: string;
  /** The record from which the layer's tar can be put together again to the byte, if there is one. */
  tarSplit: string | undefined;
}

/** The layers of a container, as `layerdb/mounts/ID` records them. */
export interface StoredMount {
  containerId: string;
  mountId: string;
  /** The layer between the image's and the container's. */
  initId: string | undefined;
  /** The image's layers. */
  parent: Digest | undefined;
}

/** The chain ids of all layers that are recorded, complete or not. */
export function listLayers(paths: StorePaths): Digest[] {
  return readNames(paths.layer()).flatMap((name) => {
    const id = `sha256:${name}`;
    // What Docker is removing is called HEX-RANDOM-removing.
    return isDigest(id) ? [id] : [];
  });
}

export function hasLayer(paths: StorePaths, chainId: Digest): boolean {
  return existsSync(paths.layer(chainId));
}

/** @throws ImageError where the record is missing or damaged, or there are no files to it */
export function readLayer(paths: StorePaths, chainId: Digest): StoredLayer {
  const directory = paths.layer(chainId);
  const what = `layer ${shortId(chainId)}`;
  if (!existsSync(directory)) throw new ImageError(`${what} is missing: there is no ${directory}`);
  const diffId = digestIn(path.join(directory, 'diff'), what);
  if (diffId === undefined) throw new ImageError(`${what} is damaged: ${path.join(directory, 'diff')} is missing`);
  const cacheId = readText(path.join(directory, 'cache-id')) ?? '';
  if (!idPattern.test(cacheId)) {
    throw new ImageError(`${what} is damaged: ${path.join(directory, 'cache-id')} holds ${cacheId === '' ? 'nothing' : `"${cacheId}"`}, not an id`);
  }
  const size = readText(path.join(directory, 'size'));
  const tarSplit = path.join(directory, 'tar-split.json.gz');
  return {
    chainId,
    diffId,
    parent: digestIn(path.join(directory, 'parent'), what),
    cacheId,
    size: size !== undefined && /^\d+$/.test(size) ? Number(size) : undefined,
    directory: existingDiff(paths, cacheId, what),
    tarSplit: existsSync(tarSplit) ? tarSplit : undefined,
  };
}

/** @throws ImageError where it is no directory */
export function existingDiff(paths: StorePaths, cacheId: string, what: string): string {
  const directory = paths.diff(cacheId);
  const found = statSync(directory, { throwIfNoEntry: false });
  if (!found?.isDirectory()) throw new ImageError(`${what} has lost its files: there is no ${directory}`);
  return directory;
}

function digestIn(file: string, what: string): Digest | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  const digest = parseDigest(text);
  if (digest === undefined) throw new ImageError(`${what} is damaged: ${file} holds ${text === '' ? 'nothing' : `"${text}"`}, not a digest`);
  return digest;
}

/**
 * A layer and all below it, from the lowest up.
 * @throws ImageError where one is missing or damaged, or they go round in a circle
 */
export function readChain(paths: StorePaths, top: Digest): StoredLayer[] {
  const chain: StoredLayer[] = [];
  const seen = new Set<Digest>();
  for (let next: Digest | undefined = top; next !== undefined;) {
    if (seen.has(next)) throw new ImageError(`layer ${shortId(top)} is damaged: layer ${shortId(next)} lies below itself`);
    seen.add(next);
    const layer: StoredLayer = readLayer(paths, next);
    chain.unshift(layer);
    next = layer.parent;
  }
  return chain;
}

export function listMountIds(paths: StorePaths): string[] {
  return readNames(paths.mount()).filter((name) => idPattern.test(name));
}

/** @throws ImageError where the record is missing or damaged */
export function readMount(paths: StorePaths, containerId: string): StoredMount {
  const what = `container ${shortId(containerId)}`;
  const directory = paths.mount(containerId);
  if (!existsSync(directory)) throw new ImageError(`${what} has no layer: there is no ${directory}`);
  const id = (name: string): string | undefined => {
    const text = readText(path.join(directory, name));
    if (text === undefined || idPattern.test(text)) return text;
    throw new ImageError(`${what} is damaged: ${path.join(directory, name)} holds ${text === '' ? 'nothing' : `"${text}"`}, not an id`);
  };
  const mountId = id('mount-id');
  if (mountId === undefined) throw new ImageError(`${what} is damaged: ${path.join(directory, 'mount-id')} is missing`);
  return { containerId, mountId, initId: id('init-id'), parent: digestIn(path.join(directory, 'parent'), what) };
}

/** What `layers/ID` lists: the layers below, from the top down; undefined where there is no such file. */
export function readParents(paths: StorePaths, cacheId: string): string[] | undefined {
  return readText(paths.parents(cacheId))?.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}
