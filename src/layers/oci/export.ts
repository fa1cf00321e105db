// An image as an OCI layout (a directory or an archive), or as an archive for docker load.
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';
import { ImageError } from '../image-error.js';
import { packLayer } from '../pack.js';
import { randomId, reason, writeWhole } from '../store/files.js';
import { assembleTar } from '../store/tar-split.js';
import { DigestStream, digestOf, hexOf, shortId, type Digest } from './digest.js';
import { Document, type JsonObject } from './document.js';
import { blobName } from './image-source.js';
import { mediaTypes } from './manifest.js';
import { fullName, parseReference } from './reference.js';

export type ExportFormat = 'oci' | 'docker';

export interface ExportLayer {
  directory: string;
  /** The record of its original archive. */
  tarSplit: string | undefined;
  /** What its archive is expected to be. */
  diffId: Digest | undefined;
}

export interface ExportedImage {
  /** From the lowest up. */
  layers: ExportLayer[];
  /** The configuration, given what the layers' archives have turned out to be. */
  config: (diffIds: readonly Digest[]) => Buffer;
  names: string[];
}

export interface ExportOptions {
  format: ExportFormat;
  onWarning?: (line: string) => void;
  /** After each layer. */
  onLayer?: (number: number, count: number) => void;
}

/** A blob in a file of its own, until it is where it belongs. */
interface Blob {
  file: string;
  digest: Digest;
  size: number;
}

/**
 * Writes an image to `destination`: `-` is standard output, a name with `.tar` at its end an archive, anything else a directory.
 * An archive is there when it is complete; in a directory index.json is written last.
 * @returns the image's id
 * @throws ImageError
 */
export async function exportImage(image: ExportedImage, destination: string, options: ExportOptions): Promise<Digest> {
  try {
    if (destination === '-') return await withSpool(process.env['TMPDIR'] ?? '/tmp', (spool) => writeArchive(image, process.stdout, spool, options));
    if (options.format === 'docker' || destination.endsWith('.tar')) return await exportArchive(image, destination, options);
    return await exportDirectory(image, destination, options);
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? new ImageError(`${destination} cannot be written: ${reason(error)}`) : error;
  }
}

async function exportArchive(image: ExportedImage, destination: string, options: ExportOptions): Promise<Digest> {
  if (statSync(destination, { throwIfNoEntry: false })?.isDirectory()) throw new ImageError(`${destination} is a directory; name a file`);
  return withSpool(path.dirname(path.resolve(destination)), async (spool) => {
    const unfinished = path.join(spool, 'archive');
    const id = await writeArchive(image, createWriteStream(unfinished, { flags: 'wx' }), spool, options);
    renameSync(unfinished, destination);
    return id;
  });
}

async function exportDirectory(image: ExportedImage, destination: string, options: ExportOptions): Promise<Digest> {
  const isNew = checkDirectory(destination);
  try {
    const blobs = path.join(destination, 'blobs', 'sha256');
    mkdirSync(blobs, { recursive: true });
    return await withSpool(destination, async (spool) => {
      const keep = (blob: Blob): void => renameSync(blob.file, path.join(destination, blobName(blob.digest)));
      const layers = await makeBlobs(image, spool, options, (blob) => Promise.resolve(keep(blob)));
      const config = configured(image, layers, options);
      const manifest = manifestOf(config, layers);
      for (const document of [config, manifest]) writeWhole(path.join(destination, blobName(digestOf(document))), document, 0o644);
      writeWhole(path.join(destination, 'oci-layout'), layoutFile, 0o644);
      const index = path.join(destination, 'index.json');
      const before = existsSync(index) ? Document.parse(readFileSync(index), index) : undefined;
      writeWhole(index, indexOf(manifest, image.names, before), 0o644);
      return digestOf(config);
    });
  } catch (error) {
    if (isNew) rmSync(destination, { recursive: true, force: true });
    throw error;
  }
}

/** Whether it is ours to remove. @throws ImageError where something else is there */
function checkDirectory(destination: string): boolean {
  const found = statSync(destination, { throwIfNoEntry: false });
  if (found === undefined) return true;
  if (!found.isDirectory()) throw new ImageError(`${destination} exists and is not a directory`);
  if (existsSync(path.join(destination, 'oci-layout')) || readdirSync(destination).length === 0) return false;
  throw new ImageError(`${destination} is neither empty nor an OCI layout`);
}

async function withSpool<T>(directory: string, work: (spool: string) => Promise<T>): Promise<T> {
  const spool = path.join(directory, `.tsaufs-export-${randomId().slice(0, 12)}`);
  mkdirSync(spool, { mode: 0o700 });
  try {
    return await work(spool);
  } finally {
    rmSync(spool, { recursive: true, force: true });
  }
}

const layoutFile = '{"imageLayoutVersion":"1.0.0"}';

/** A layer that has been written. */
interface WrittenLayer {
  diffId: Digest;
  digest: Digest;
  size: number;
  mediaType: string;
}

/** Makes each layer's blob, and hands it to `take` while its file is there. */
async function makeBlobs(
  image: ExportedImage, spool: string, options: ExportOptions, take: (blob: Blob, name: string) => Promise<void>,
): Promise<WrittenLayer[]> {
  const written: WrittenLayer[] = [];
  const compressed = options.format === 'oci';
  for (const [index, layer] of image.layers.entries()) {
    const file = path.join(spool, `layer-${index}`);
    const made = await writeLayer(layer, file, compressed, options);
    // A layer may be there twice.
    if (!written.some(({ digest }) => digest === made.digest)) await take({ file, digest: made.digest, size: made.size }, layerMember(made, compressed));
    rmSync(file, { force: true });
    written.push(made);
    options.onLayer?.(index + 1, image.layers.length);
  }
  return written;
}

async function writeLayer(layer: ExportLayer, file: string, compressed: boolean, options: ExportOptions): Promise<WrittenLayer> {
  const { directory, tarSplit, diffId } = layer;
  if (tarSplit !== undefined) {
    try {
      const made = await writeBlob(assembleTar(tarSplit, directory), file, compressed);
      if (diffId === undefined || made.diffId === diffId) return made;
      options.onWarning?.(`${directory} has changed since it was made: the layer gets another digest`);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      options.onWarning?.(`${error.message}: the layer gets another digest`);
    }
    rmSync(file, { force: true });
  }
  return writeBlob(packLayer(directory, options.onWarning ? { onWarning: options.onWarning } : {}), file, compressed);
}

async function writeBlob(archive: Readable, file: string, compressed: boolean): Promise<WrittenLayer> {
  const clear = new DigestStream();
  const blob = new DigestStream();
  const compression = compressed ? createGzip({ chunkSize: 1 << 18 }) : new PassThrough();
  await pipeline(archive, clear, compression, blob, createWriteStream(file, { flags: 'wx' }));
  return {
    diffId: clear.digest(), digest: blob.digest(), size: blob.size,
    mediaType: compressed ? mediaTypes.gzippedLayer : mediaTypes.layer,
  };
}

function configured(image: ExportedImage, layers: readonly WrittenLayer[], { onWarning }: ExportOptions): Buffer {
  const config = image.config(layers.map(({ diffId }) => diffId));
  const changed = image.layers.some(({ diffId }, index) => diffId !== undefined && diffId !== layers[index].diffId);
  if (changed) onWarning?.(`the image gets another id, ${shortId(digestOf(config))}, since its layers have other digests than before`);
  return config;
}

function manifestOf(config: Buffer, layers: readonly WrittenLayer[]): Buffer {
  return Buffer.from(JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: digestOf(config), size: config.length },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  }));
}

/** With what a layout lists already, but for the names that now stand for this image. */
function indexOf(manifest: Buffer, names: readonly string[], before: Document | undefined): string {
  const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(manifest), size: manifest.length };
  const added: JsonObject[] = names.length === 0 ? [{ ...descriptor }] : names.map((name) => ({ ...descriptor, annotations: annotationsOf(name) }));
  const called = new Set(names.map((name) => JSON.stringify(annotationsOf(name))));
  const kept = (before?.objects('manifests') ?? []).filter((entry) => {
    const annotations = entry.optionalObject('annotations');
    if (annotations === undefined) return entry.string('digest') !== descriptor.digest;
    return !called.has(JSON.stringify(annotations.value)) && !isCalled(annotations, names);
  });
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...kept.map((entry) => entry.value as JsonObject), ...added] });
}

function isCalled(annotations: Document, names: readonly string[]): boolean {
  const name = annotations.optionalString('org.opencontainers.image.ref.name');
  const whole = annotations.optionalString('io.containerd.image.name');
  return names.some((own) => whole === undefined ? name === (annotationsOf(own)['org.opencontainers.image.ref.name']) : whole === fullName(parseReference(own)));
}

/** As Docker 25 writes them; skopeo and Podman go by the tag. */
function annotationsOf(name: string): JsonObject {
  const reference = parseReference(name);
  return { 'io.containerd.image.name': fullName(reference), 'org.opencontainers.image.ref.name': reference.tag ?? reference.digest ?? 'latest' };
}

function layerMember({ digest, diffId }: WrittenLayer, compressed: boolean): string {
  return compressed ? blobName(digest) : `${hexOf(diffId)}/layer.tar`;
}

async function writeArchive(image: ExportedImage, output: Writable, spool: string, options: ExportOptions): Promise<Digest> {
  const archive = pack();
  const finished = pipeline(archive as unknown as Readable, output);
  // Told by the await below; a failure of the output must not be one that nobody waits for.
  finished.catch(() => undefined);
  const compressed = options.format === 'oci';
  const layers = await makeBlobs(image, spool, options, (blob, name) => addFile(archive, name, blob));
  const config = configured(image, layers, options);
  const configMember = compressed ? blobName(digestOf(config)) : `${hexOf(digestOf(config))}.json`;
  addBytes(archive, configMember, config);
  if (compressed) {
    const manifest = manifestOf(config, layers);
    addBytes(archive, blobName(digestOf(manifest)), manifest);
    addBytes(archive, 'index.json', Buffer.from(indexOf(manifest, image.names, undefined)));
    addBytes(archive, 'oci-layout', Buffer.from(layoutFile));
  } else {
    addBytes(archive, 'repositories', Buffer.from(JSON.stringify(repositoriesOf(image.names, layers))));
  }
  // In an OCI layout, too: with it Docker before 25 loads it.
  const item = { Config: configMember, RepoTags: image.names.filter((name) => !name.includes('@')), Layers: layers.map((layer) => layerMember(layer, compressed)) };
  addBytes(archive, 'manifest.json', Buffer.from(JSON.stringify([item])));
  archive.finalize();
  await finished;
  return digestOf(config);
}

/** What Docker before 1.10 goes by. */
function repositoriesOf(names: readonly string[], layers: readonly WrittenLayer[]): JsonObject {
  const repositories: Record<string, JsonObject> = {};
  const top = layers.at(-1);
  for (const name of top === undefined ? [] : names) {
    const { repository, tag, digest } = parseReference(name);
    if (digest === undefined) (repositories[repository] ??= {})[tag ?? 'latest'] = hexOf(top!.diffId);
  }
  return repositories;
}

const memberHeader = { mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) };

function addBytes(archive: Pack, name: string, content: Buffer): void {
  archive.entry({ name, ...memberHeader }, content);
}

async function addFile(archive: Pack, name: string, { file, size }: Blob): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const member = archive.entry({ name, size, ...memberHeader }, (error) => error ? reject(error) : resolve());
    archive.on('error', reject).on('close', () => reject(new ImageError('the output was closed early')));
    pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), member as unknown as Writable).catch(reject);
  });
}
