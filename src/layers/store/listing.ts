import { shortId, chainIds, type Digest } from '../oci/digest.js';
import { layersOfHistory } from '../oci/image-config.js';
import { readContainer } from './container.js';
import { listImages, readImage } from './image-database.js';
import { listMountIds, readLayer } from './layer-database.js';
import type { StorePaths } from './paths.js';
import { namesOf, readNamesOfImages } from './repositories.js';

export interface ListedImage {
  id: Digest;
  names: string[];
  created: string | undefined;
  os: string | undefined;
  architecture: string | undefined;
  /** Bytes of all layers, also of those that it shares. */
  size: number | undefined;
  /** From the lowest up. */
  layers: { chainId: Digest; diffId: Digest; directory: string; size: number | undefined }[];
}

export interface ListedContainer {
  id: string;
  image: Digest | undefined;
  created: string | undefined;
  directory: string;
}

export interface Listing {
  images: ListedImage[];
  containers: ListedContainer[];
  /** A line for each thing that is damaged. */
  problems: string[];
}

/** What is in a store, the newest images first. */
export function listStore(paths: StorePaths): Listing {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T[] => {
    try {
      return [read()];
    } catch (error) {
      problems.push((error as Error).message);
      return [];
    }
  };
  const names = readNamesOfImages(paths, (line) => problems.push(line));
  const images = listImages(paths).flatMap((id) => attempt(() => describeImage(paths, id, namesOf(names, id))));
  const containers = listMountIds(paths).flatMap((id) => attempt(() => {
    const { image, created, directory } = readContainer(paths, id);
    return { id, image, created, directory };
  }));
  return { images: images.sort((one, other) => (other.created ?? '').localeCompare(one.created ?? '')), containers, problems };
}

export function describeImage(paths: StorePaths, id: Digest, names: string[]): ListedImage {
  const { created, os, architecture, diffIds } = readImage(paths, id);
  const layers = chainIds(diffIds).map((chainId) => {
    const { diffId, directory, size } = readLayer(paths, chainId);
    return { chainId, diffId, directory, size };
  });
  const size = layers.reduce<number | undefined>((sum, layer) => sum === undefined || layer.size === undefined ? undefined : sum + layer.size, 0);
  return { id, names, created, os, architecture, size, layers };
}

export interface HistoryLine {
  created: string | undefined;
  createdBy: string | undefined;
  comment: string | undefined;
  /** Of the step's layer; 0 where it has none. */
  size: number | undefined;
  diffId: Digest | undefined;
}

/** How an image came about, the last step first. */
export function historyOf(paths: StorePaths, id: Digest): HistoryLine[] {
  const config = readImage(paths, id);
  const chain = chainIds(config.diffIds);
  const layers = layersOfHistory(config);
  const lines = config.history.map((step, index): HistoryLine => {
    const layer = layers[index];
    const { created, createdBy, comment } = step;
    return layer === undefined
      ? { created, createdBy, comment, size: 0, diffId: undefined }
      : { created, createdBy, comment, size: readLayer(paths, chain[layer]).size, diffId: config.diffIds[layer] };
  });
  // Some programs write no history, or not all of it.
  const told = layers.filter((layer) => layer !== undefined).length;
  for (let index = told; index < chain.length; index++) {
    lines.push({ created: undefined, createdBy: undefined, comment: undefined, size: readLayer(paths, chain[index]).size, diffId: config.diffIds[index] });
  }
  return lines.reverse();
}

/** For lines: a name, or the beginning of the id. */
export function shownImage({ id, names }: Pick<ListedImage, 'id' | 'names'>): string {
  return names[0] ?? shortId(id);
}
