// Reading an OCI image layout: index.json → (image indexes) → manifests → configuration and layers (image-spec, image-layout.md).
import { ImageError } from '../image-error.js';
import type { Archive } from './archive.js';
import { hexOf, shortId, verifyBytes } from './digest.js';
import { Document } from './document.js';
import { parseImageConfig } from './image-config.js';
import { blobName, nameFromPlace, namesInManifest, type ImageSource, type Selection } from './image-source.js';
import { parseIndex, parseManifest, pointsToIndex, pointsToManifest, type Descriptor } from './manifest.js';
import { fits, formatPlatform, type Platform } from './platform.js';
import { formatReference, isTag, parseReference } from './reference.js';

/** How containerd and Docker write the whole name; the specification's own annotation is often a tag only. */
const wholeName = 'io.containerd.image.name';
const refName = 'org.opencontainers.image.ref.name';

/** Indexes in indexes: the specification allows any depth, programs write one or two. */
const DEEPEST = 4;

/** @throws ImageError */
export function readOciLayout(archive: Archive, { tag, platform }: Selection): ImageSource[] {
  checkVersion(archive);
  const entries = parseIndex(archive.read('index.json'), `${archive.where}: index.json`).filter((entry) => !isAttestation(entry));
  const wanted = tag === undefined ? entries : entries.filter((entry) => isCalled(entry, tag));
  if (wanted.length === 0) throw noSuchImage(archive, entries, tag);
  const names = namesInManifest(archive);
  const images = new Map<string, ImageSource>();
  for (const { manifest, annotations } of choose(archive, wanted, platform, new Map(), 0)) {
    const image = readImage(archive, manifest);
    const id = hexOf(manifest.digest);
    // One image with several names is listed several times.
    const known = images.get(id);
    const own = [...namesIn(archive.where, annotations), ...(known?.names ?? [])];
    images.set(id, { ...image, names: [...new Set(own)].sort() });
  }
  return [...images.values()].map((image) => withNames(archive, image, names));
}

function withNames(archive: Archive, image: ImageSource, names: ReadonlyMap<string, string[]>): ImageSource {
  if (image.names.length > 0) return image;
  const { id } = parseImageConfig(image.config, archive.where);
  return { ...image, names: (names.get(hexOf(id)) ?? []).map((name) => formatReference(parseReference(name))) };
}

function checkVersion(archive: Archive): void {
  const version = Document.parse(archive.read('oci-layout'), `${archive.where}: oci-layout`).string('imageLayoutVersion');
  if (!/^1\.\d+\.\d+$/.test(version)) throw new ImageError(`${archive.where} is an OCI layout of version ${version}; only 1.x is known`);
}

/** BuildKit adds records of the build, as manifests for no platform. */
function isAttestation({ annotations, platform }: Descriptor): boolean {
  return annotations.has('vnd.docker.reference.type') || platform?.os === 'unknown' && platform.architecture === 'unknown';
}

function isCalled({ annotations }: Descriptor, tag: string): boolean {
  const names = [annotations.get(refName), annotations.get(wholeName)].filter((name) => name !== undefined);
  return names.some((name) => name === tag || name.endsWith(`:${tag}`));
}

function noSuchImage(archive: Archive, entries: readonly Descriptor[], tag: string | undefined): ImageError {
  if (tag === undefined) return new ImageError(`${archive.where} has no image`);
  const there = entries.map(({ annotations }) => annotations.get(refName) ?? annotations.get(wholeName)).filter((name) => name !== undefined);
  return new ImageError(`${archive.where} has no image "${tag}"; it has ${there.join(', ') || 'images without names'}`);
}

interface Chosen {
  manifest: Descriptor;
  annotations: ReadonlyMap<string, string>;
}

/** Of several platforms' manifests for one thing that of the wanted one; those that say nothing are taken as they are. */
function choose(
  archive: Archive, entries: readonly Descriptor[], platform: Platform, outer: ReadonlyMap<string, string>, depth: number,
): Chosen[] {
  const offered = entries.filter((entry) => !isAttestation(entry));
  const fitting = offered.filter((entry) => entry.platform === undefined || fits(entry.platform, platform));
  if (fitting.length === 0) {
    const there = offered.flatMap((entry) => entry.platform ?? []).map(formatPlatform);
    throw new ImageError(`${archive.where} has no image for ${formatPlatform(platform)}; it has ${there.join(', ') || 'none'}; choose with --platform`);
  }
  // In an image index the first that fits counts.
  const taken = depth > 0 ? fitting.slice(0, 1) : fitting;
  return taken.flatMap((entry) => {
    const annotations = new Map([...outer, ...entry.annotations]);
    if (pointsToManifest(entry)) return [{ manifest: entry, annotations }];
    if (!pointsToIndex(entry)) throw new ImageError(`${archive.where}: an entry of type "${entry.mediaType}" is not an image`);
    if (depth >= DEEPEST) throw new ImageError(`${archive.where}: image indexes lie too deep in each other`);
    return choose(archive, parseIndex(readBlob(archive, entry), where(archive, entry)), platform, annotations, depth + 1);
  });
}

function readImage(archive: Archive, descriptor: Descriptor): ImageSource {
  const manifest = parseManifest(readBlob(archive, descriptor), where(archive, descriptor));
  const config = readBlob(archive, manifest.config);
  const { diffIds } = parseImageConfig(config, where(archive, manifest.config));
  if (manifest.layers.length !== diffIds.length) {
    throw new ImageError(`${archive.where}: the image has ${diffIds.length} layers in its configuration and ${manifest.layers.length} in its manifest`);
  }
  for (const layer of manifest.layers) checkBlob(archive, layer);
  return { config, layers: manifest.layers.map((layer) => ({ name: blobName(layer.digest), digest: layer.digest })), names: [] };
}

function where(archive: Archive, { digest }: Descriptor): string {
  return `${archive.where}: ${shortId(digest)}`;
}

/** A document that a descriptor points to, verified. */
function readBlob(archive: Archive, descriptor: Descriptor): Buffer {
  checkBlob(archive, descriptor);
  const bytes = archive.read(blobName(descriptor.digest));
  verifyBytes(bytes, descriptor.digest, `${archive.where}: ${blobName(descriptor.digest)}`);
  return bytes;
}

function checkBlob(archive: Archive, { digest, size }: Descriptor): void {
  const found = archive.sizeOf(blobName(digest));
  if (found !== size) throw new ImageError(`${archive.where}: ${blobName(digest)} is damaged: it should have ${size} bytes and has ${found}`);
}

function namesIn(place: string, annotations: ReadonlyMap<string, string>): string[] {
  const name = annotations.get(wholeName) ?? annotations.get(refName);
  if (name === undefined) return [];
  if (isTag(name) && annotations.get(wholeName) === undefined) {
    const repository = nameFromPlace(place);
    return repository === undefined ? [] : [`${repository}:${name}`];
  }
  try {
    return [formatReference(parseReference(name))];
  } catch {
    // The specification allows more than Docker does.
    return [];
  }
}
