import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ImageError } from '../image-error.js';
import { digestOf, isDigest, shortId, wrongDigest, type Digest } from '../oci/digest.js';
import { parseImageConfig, type ImageConfig } from '../oci/image-config.js';
import { readBytes, readNames, writeWhole } from './files.js';
import type { StorePaths } from './paths.js';

/** The ids of all images, whether or not they can be read. */
export function listImages(paths: StorePaths): Digest[] {
  return readNames(paths.config()).flatMap((name) => {
    const id = `sha256:${name}`;
    return isDigest(id) ? [id] : [];
  });
}

/** @throws ImageError where it is missing, or is not what its id says */
export function readImage(paths: StorePaths, id: Digest): ImageConfig {
  const file = paths.config(id);
  const bytes = readBytes(file);
  if (bytes === undefined) throw new ImageError(`image ${shortId(id)} has lost its configuration: there is no ${file}`);
  const found = digestOf(bytes);
  if (found !== id) throw wrongDigest(file, id, found);
  return parseImageConfig(bytes, file);
}

/** Adds an image, whose layers are there, or finds it. */
export function addImage(paths: StorePaths, config: Buffer, parent?: Digest): Digest {
  const id = digestOf(config);
  if (!existsSync(paths.config(id))) writeWhole(paths.config(id), config, 0o600);
  if (parent !== undefined) {
    mkdirSync(paths.metadata(id), { recursive: true, mode: 0o700 });
    writeWhole(path.join(paths.metadata(id), 'parent'), parent, 0o600);
  }
  return id;
}

/** The layers stay. */
export function removeImage(paths: StorePaths, id: Digest): void {
  rmSync(paths.config(id), { force: true });
  rmSync(paths.metadata(id), { recursive: true, force: true });
}
