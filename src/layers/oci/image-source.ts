import path from 'node:path';
import type { Archive } from './archive.js';
import { hexOf, type Digest } from './digest.js';
import { Document } from './document.js';
import { isRepository, isTag, parseReference } from './reference.js';
import type { Platform } from './platform.js';

/** A layer of an image that is to be imported. */
export interface LayerSource {
  /** Its member of the archive, compressed or not. */
  name: string;
  /** What the member must have as its digest, where the archive says. */
  digest: Digest | undefined;
}

/** An image in an archive, its documents verified. */
export interface ImageSource {
  /** The configuration's bytes. */
  config: Buffer;
  /** From the lowest up; as many as the configuration has. */
  layers: LayerSource[];
  /** Names that the archive gives it, in Docker's short form. */
  names: string[];
}

export interface Selection {
  /** `:TAG` of an OCI layout: the image of that name only. */
  tag: string | undefined;
  platform: Platform;
}

/** For images whose archive names only a tag, or nothing: the name of the file or directory without its ending. */
export function nameFromPlace(where: string): string | undefined {
  const base = path.basename(path.resolve(where)).toLowerCase()
    .replace(/\.(tar|tgz|oci|docker)(\.(gz|zst|zstd))?$/, '')
    .replace(/[^a-z0-9._-]+/g, '-').replace(/^[._-]+|[._-]+$/g, '');
  return isRepository(base) ? base : undefined;
}

/** `PLACE:TAG`, where TAG may be a whole name. Unless there is something that has this name with its colons. */
export function splitTag(written: string, exists: (place: string) => boolean): { place: string; tag: string | undefined } {
  if (exists(written)) return { place: written, tag: undefined };
  for (let colon = written.lastIndexOf(':'); colon > 0; colon = written.lastIndexOf(':', colon - 1)) {
    const place = written.slice(0, colon);
    if (exists(place)) return { place, tag: checkedTag(written.slice(colon + 1)) };
  }
  return { place: written, tag: undefined };
}

function checkedTag(tag: string): string {
  if (!isTag(tag)) parseReference(tag);
  return tag;
}

/** Names of a docker save archive by the id of the configuration, for an OCI layout that is in the same archive. */
export function namesInManifest(archive: Archive): Map<string, string[]> {
  const names = new Map<string, string[]>();
  if (!archive.has('manifest.json')) return names;
  for (const item of Document.parseList(archive.read('manifest.json'), `${archive.where}: manifest.json`)) {
    const hex = /[0-9a-f]{64}/.exec(item.string('Config'))?.[0];
    if (hex !== undefined) names.set(hex, item.strings('RepoTags'));
  }
  return names;
}

/** The member of an archive that holds a blob (image-spec, image-layout.md). */
export function blobName(digest: Digest): string {
  return `blobs/${digest.slice(0, digest.indexOf(':'))}/${hexOf(digest)}`;
}
