// The images of Docker 1.10 and later: image/DRIVER/{imagedb,layerdb,repositories.json}.
import type { ImageConfig } from '../oci/image-config.js';
import { chainIds, parseDigest, shortId, type Digest } from '../oci/digest.js';
import { ImageError } from '../image-error.js';
import { listImages, readImage } from '../store/image-database.js';
import { readChain, readParents, type StoredLayer } from '../store/layer-database.js';
import { readText } from '../store/files.js';
import { namesOf, readNamesOfImages, type Names } from '../store/repositories.js';
import type { StorePaths } from '../store/paths.js';
import type { DockerImage, DockerLayer } from './model.js';
import path from 'node:path';

/** @param problem takes a line for each thing that is wrong */
export function readContentImages(paths: StorePaths, problem: (line: string) => void): DockerImage[] {
  const ids = listImages(paths);
  const names = readNames(paths, problem);
  for (const [name, id] of names) {
    if (!ids.includes(id)) problem(`${name} stands for image ${shortId(id)}, which is missing`);
  }
  const parents = new Set(ids.map((id) => parseDigest(readText(path.join(paths.metadata(id), 'parent')) ?? '')));
  return ids.map((id) => readContentImage(paths, id, namesOf(names, id), parents.has(id), problem));
}

function readNames(paths: StorePaths, problem: (line: string) => void): Names {
  try {
    return readNamesOfImages(paths, problem);
  } catch (error) {
    problem((error as Error).message);
    return new Map();
  }
}

function readContentImage(
  paths: StorePaths, id: Digest, names: string[], isParent: boolean, problem: (line: string) => void,
): DockerImage {
  let config: ImageConfig | undefined;
  const known = { id, names, intermediate: isParent && names.length === 0 };
  try {
    config = readImage(paths, id);
    const layers = layersOf(paths, config);
    checkParents(paths, layers, problem);
    const configuration = { kind: 'whole', bytes: config.bytes } as const;
    return { ...known, created: config.created, layers, configuration, damage: undefined };
  } catch (error) {
    const damage = (error as Error).message;
    problem(`image ${names[0] ?? shortId(id)}: ${damage}`);
    return { ...known, created: config?.created, layers: [], configuration: undefined, damage };
  }
}

function layersOf(paths: StorePaths, config: ImageConfig): DockerLayer[] {
  const top = chainIds(config.diffIds).at(-1);
  if (top === undefined) return [];
  const chain = readChain(paths, top);
  if (chain.length !== config.diffIds.length || chain.some((layer, index) => layer.diffId !== config.diffIds[index])) {
    throw new ImageError(`layer ${shortId(top)} is damaged: the layers below it are not those of the image`);
  }
  return chain.map(dockerLayer);
}

export function dockerLayer(layer: StoredLayer): DockerLayer {
  const { chainId: id, diffId, cacheId, directory, size, tarSplit } = layer;
  return { id, diffId, cacheId, directory, size, tarSplit };
}

/** The driver's own list of the layers below is what Docker mounts by: where it says another thing, somebody changed it. */
export function checkParents(paths: StorePaths, layers: readonly DockerLayer[], problem: (line: string) => void): void {
  const top = layers.at(-1);
  if (top === undefined) return;
  const file = paths.parents(top.cacheId);
  const listed = readParents(paths, top.cacheId);
  if (listed === undefined) problem(`${file} is missing; the layers' other records are used`);
  else if (listed.join() !== layers.slice(0, -1).toReversed().map((layer) => layer.cacheId).join()) {
    problem(`${file} names other layers than the image; it is not used`);
  }
}
