import type { Digest } from '../oci/digest.js';
import type { JsonObject } from '../oci/document.js';

/** One layer of an image in Docker's store. */
export interface DockerLayer {
  /** Chain id, or with Docker up to 1.9 the id of the image of which it is the top. */
  id: string;
  diffId: Digest | undefined;
  /** Names it in aufs/{diff,layers,mnt}. */
  cacheId: string;
  directory: string;
  /** Bytes, as recorded. */
  size: number | undefined;
  tarSplit: string | undefined;
}

/** What an image's configuration is made from: its bytes, or with Docker up to 1.9 the `json` of it and of all below it. */
export type Configuration = { kind: 'whole'; bytes: Buffer } | { kind: 'steps'; steps: Readonly<JsonObject>[] };

export interface DockerImage {
  /** `sha256:…`, or plain digits with Docker up to 1.9. */
  id: string;
  /** As Docker shows them. */
  names: string[];
  created: string | undefined;
  /** Another image is made from it, and it has no name: `docker images` leaves it out. */
  intermediate: boolean;
  /** From the lowest up. Empty where the image is damaged. */
  layers: DockerLayer[];
  configuration: Configuration | undefined;
  /** Why it cannot be used. */
  damage: string | undefined;
}

export interface DockerContainer {
  id: string;
  name: string | undefined;
  /** The id of its image. */
  image: string | undefined;
  created: string | undefined;
  /** It ran when Docker stopped, or does now. */
  running: boolean;
  /** The layer it writes to, and the one below, which has what Docker puts into each container. */
  own: DockerLayer | undefined;
  init: DockerLayer | undefined;
  /** Those of its image, from the lowest up. */
  layers: DockerLayer[];
  damage: string | undefined;
}

/** A store of Docker's, as far as it can be read. */
export interface DockerStore {
  root: string;
  /** The name of the storage driver, and of its directory. */
  driver: string;
  /** `graph`: Docker up to 1.9; `content`: 1.10 and later. */
  generation: 'graph' | 'content';
  images: DockerImage[];
  containers: DockerContainer[];
  /** A line for each thing that is wrong. */
  problems: string[];
}

/** Bytes of all layers; undefined where one of them is not known. */
export function sizeOf(layers: readonly DockerLayer[]): number | undefined {
  return layers.reduce<number | undefined>((sum, { size }) => sum === undefined || size === undefined ? undefined : sum + size, 0);
}

/** What a union of a container is made of, from the top down. */
export function containerLayers({ own, init, layers }: DockerContainer): DockerLayer[] {
  return [own, init, ...layers.toReversed()].filter((layer) => layer !== undefined);
}
