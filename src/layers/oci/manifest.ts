import { ImageError } from '../image-error.js';
import { isDigest, type Digest } from './digest.js';
import { Document } from './document.js';
import type { Platform } from './platform.js';

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  gzippedLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

const indexes = new Set<string>([mediaTypes.index, 'application/vnd.docker.distribution.manifest.list.v2+json']);
const manifests = new Set<string>([mediaTypes.manifest, 'application/vnd.docker.distribution.manifest.v2+json']);
const configs = new Set<string>([mediaTypes.config, 'application/vnd.docker.container.image.v1+json']);
const layerPattern = /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(?:\.gzip|\.zstd)?)$/;

/** What points to a blob (image-spec, descriptor.md). */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  annotations: Map<string, string>;
  platform: Platform | undefined;
}

export interface Manifest {
  config: Descriptor;
  /** From the lowest up. */
  layers: Descriptor[];
}

export function pointsToIndex(descriptor: Descriptor): boolean {
  return indexes.has(descriptor.mediaType);
}

export function pointsToManifest(descriptor: Descriptor): boolean {
  return manifests.has(descriptor.mediaType);
}

/** @throws ImageError */
export function parseIndex(bytes: Uint8Array, where: string): Descriptor[] {
  return Document.parse(bytes, where).objects('manifests').map(parseDescriptor);
}

/** @throws ImageError also where it is something else than an image, such as a Helm chart or a signature */
export function parseManifest(bytes: Uint8Array, where: string): Manifest {
  const manifest = Document.parse(bytes, where);
  const config = parseDescriptor(manifest.object('config'));
  if (!configs.has(config.mediaType)) {
    throw new ImageError(`${where} is not an image that can be mounted: its configuration is of type ${config.mediaType}`);
  }
  const layers = manifest.objects('layers').map(parseDescriptor);
  for (const layer of layers) {
    if (!layerPattern.test(layer.mediaType)) throw new ImageError(`${where}: a layer is of type ${layer.mediaType}, which is not supported`);
  }
  return { config, layers };
}

function parseDescriptor(descriptor: Document): Descriptor {
  const digest = descriptor.string('digest');
  if (!isDigest(digest)) throw new ImageError(`${descriptor.where}: "${digest}" is not a digest (sha256 or sha512)`);
  const size = descriptor.optionalNumber('size');
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) throw new ImageError(`${descriptor.where}: "size" is not a size`);
  const platform = descriptor.optionalObject('platform');
  return {
    mediaType: descriptor.optionalString('mediaType') ?? '',
    digest,
    size,
    annotations: descriptor.stringMap('annotations'),
    platform: platform && {
      os: platform.optionalString('os') ?? 'unknown',
      architecture: platform.optionalString('architecture') ?? 'unknown',
      variant: platform.optionalString('variant'),
    },
  };
}
