// The archive of docker save: manifest.json lists images, each with its configuration and layers.
// Source: moby/moby, image/spec/spec.md, and image/tarexport.
import { ImageError } from '../image-error.js';
import type { Archive } from './archive.js';
import { verifyBytes, type Digest } from './digest.js';
import { Document } from './document.js';
import { parseImageConfig } from './image-config.js';
import type { ImageSource, Selection } from './image-source.js';
import { formatReference, parseReference } from './reference.js';

/** @throws ImageError */
export function readDockerArchive(archive: Archive, { tag }: Selection): ImageSource[] {
  const images = Document.parseList(archive.read('manifest.json'), `${archive.where}: manifest.json`).map((item) => readItem(archive, item));
  if (images.length === 0) throw new ImageError(`${archive.where} has no image`);
  if (tag === undefined) return images;
  const found = images.filter(({ names }) => names.some((name) => isCalled(name, tag)));
  if (found.length > 0) return found.map((image) => ({ ...image, names: image.names.filter((name) => isCalled(name, tag)) }));
  throw new ImageError(`${archive.where} has no image "${tag}"; it has ${images.flatMap(({ names }) => names).join(', ') || 'images without names'}`);
}

function isCalled(name: string, tag: string): boolean {
  return name === tag || name.endsWith(`:${tag}`) || name === `${tag}:latest`;
}

function readItem(archive: Archive, item: Document): ImageSource {
  const file = item.string('Config');
  const config = archive.read(file);
  // Docker names it by its digest; other programs need not.
  const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(file)?.[1];
  if (hex !== undefined) verifyBytes(config, `sha256:${hex}`, `${archive.where}: ${file}`);
  const layers = item.strings('Layers');
  const { diffIds } = parseImageConfig(config, `${archive.where}: ${file}`);
  if (layers.length !== diffIds.length) {
    throw new ImageError(`${archive.where}: the image has ${diffIds.length} layers in its configuration and ${layers.length} in manifest.json`);
  }
  for (const layer of layers) if (!archive.has(layer)) throw new ImageError(`${archive.where} is not complete: ${layer} is missing`);
  return {
    config,
    layers: layers.map((name) => ({ name, digest: blobDigest(name) })),
    names: item.strings('RepoTags').map((name) => formatReference(parseReference(name))),
  };
}

/** Docker 25 and later put layers where an OCI layout has them: the name tells the digest. */
function blobDigest(name: string): Digest | undefined {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}
