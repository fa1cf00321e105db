import { chainIds, type Digest } from '../oci/digest.js';
import { Document, type JsonObject } from '../oci/document.js';
import type { ExportedImage } from '../oci/export.js';
import { changedConfig } from '../oci/image-config.js';
import { readImage } from './image-database.js';
import { readLayer } from './layer-database.js';
import type { StorePaths } from './paths.js';

/** An image of the store with what it takes to write it elsewhere. @throws ImageError where it is damaged */
export function exportedStoreImage(paths: StorePaths, id: Digest, names: string[]): ExportedImage {
  const image = readImage(paths, id);
  const layers = chainIds(image.diffIds).map((chainId) => {
    const { directory, tarSplit, diffId } = readLayer(paths, chainId);
    return { directory, tarSplit, diffId };
  });
  return {
    layers,
    names: names.filter((name) => !name.includes('@')),
    config: (diffIds) => {
      if (diffIds.every((diffId, index) => diffId === image.diffIds[index])) return image.bytes;
      const before = Document.parse(image.bytes, paths.config(id));
      return changedConfig(before.value, { diffIds, history: before.objects('history').map((entry) => entry.value as JsonObject) });
    },
  };
}
