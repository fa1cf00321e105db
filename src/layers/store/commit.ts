import { ImageError } from '../image-error.js';
import { packLayer } from '../pack.js';
import { shortId, type Digest } from '../oci/digest.js';
import { Document, type Json, type JsonObject } from '../oci/document.js';
import { changedConfig } from '../oci/image-config.js';
import { nameToGive } from '../oci/reference.js';
import { changeConfig } from './config-changes.js';
import type { Container } from './container.js';
import { addImage, readImage } from './image-database.js';
import { NewLayers } from './new-layers.js';
import { readNamesOfImages, writeNamesOfImages } from './repositories.js';
import type { ImageStore } from './store.js';

export interface CommitOptions {
  /** Undefined: the image gets no name. */
  name: string | undefined;
  message?: string;
  author?: string;
  /** Instructions of a Dockerfile, such as `CMD ["/bin/sh"]`. */
  changes?: readonly string[];
  onWarning?: (message: string) => void;
}

/**
 * Makes an image of what has changed in a container, on the image that it was made from. The init layer is not part of it.
 * The caller has the exclusive lock.
 * @throws ImageError or LayerError, with nothing changed
 */
export async function commitContainer(store: ImageStore, container: Container, options: CommitOptions): Promise<Digest> {
  const { paths } = store;
  const name = options.name === undefined ? undefined : nameToGive(options.name);
  if (container.image === undefined) throw new ImageError(`container ${shortId(container.id)} does not tell its image`);
  const image = readImage(paths, container.image);
  const layers = new NewLayers(paths);
  try {
    const base = { diffIds: image.diffIds, cacheIds: container.layers.map((layer) => layer.cacheId) };
    const { diffIds } = await layers.add(base, {
      open: () => packLayer(container.directory, options.onWarning ? { onWarning: options.onWarning } : {}),
      diffId: undefined, digest: undefined, what: `container ${shortId(container.id)}`,
    }, options.onWarning ? { onWarning: options.onWarning } : {});
    const config = nextConfig(Document.parse(image.bytes, paths.config(image.id)), diffIds, options);
    layers.commit();
    const id = addImage(paths, config, image.id);
    if (name !== undefined) writeNamesOfImages(paths, readNamesOfImages(paths).set(name, id));
    return id;
  } catch (error) {
    layers.rollBack();
    throw error;
  }
}

function nextConfig(before: Document, diffIds: readonly Digest[], { message, author, changes }: CommitOptions): Buffer {
  const created = new Date().toISOString();
  const step: JsonObject = {
    created,
    created_by: 'tsaufs image commit',
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { comment: message }),
  };
  const history: Json[] = [...before.objects('history').map((entry) => entry.value as JsonObject), step];
  const set: JsonObject = {
    created,
    ...(author === undefined ? {} : { author }),
    config: changeConfig(before.optionalObject('config')?.value ?? {}, changes ?? []),
  };
  return changedConfig(before.value, { diffIds, history, set });
}
