import { digestOf, isDigest, type Digest } from './digest.js';
import { Document, type Json, type JsonObject } from './document.js';
import { ImageError } from '../image-error.js';

/** One step of how an image came about (image-spec, config.md). */
export interface HistoryEntry {
  created: string | undefined;
  createdBy: string | undefined;
  comment: string | undefined;
  /** The step changed no file and has no layer. */
  emptyLayer: boolean;
}

/** The configuration of an image: what it is made of and how it is run. */
export interface ImageConfig {
  /** The digest of the bytes: the image's id. */
  id: Digest;
  /** As they are stored; their digest is part of the image. */
  bytes: Buffer;
  created: string | undefined;
  os: string | undefined;
  architecture: string | undefined;
  variant: string | undefined;
  /** From the lowest layer up. */
  diffIds: Digest[];
  history: HistoryEntry[];
}

/** @throws ImageError where it is no configuration of a file system image; `where` names it in the line */
export function parseImageConfig(bytes: Buffer, where: string): ImageConfig {
  const config = Document.parse(bytes, where);
  const rootfs = config.object('rootfs');
  const type = rootfs.optionalString('type') ?? 'layers';
  if (type !== 'layers') throw new ImageError(`${where}: rootfs of type "${type}" is not known`);
  const diffIds = rootfs.strings('diff_ids').map((id) => {
    if (!isDigest(id)) throw new ImageError(`${where}: "${id}" is not the digest of a layer`);
    return id;
  });
  return {
    id: digestOf(bytes),
    bytes,
    created: config.optionalString('created'),
    os: config.optionalString('os'),
    architecture: config.optionalString('architecture'),
    variant: config.optionalString('variant'),
    diffIds,
    history: config.objects('history').map((step) => ({
      created: step.optionalString('created'),
      createdBy: step.optionalString('created_by'),
      comment: step.optionalString('comment'),
      emptyLayer: step.boolean('empty_layer'),
    })),
  };
}

/** For each step of the history the index of its layer, undefined where it has none. Steps beyond the layers have none. */
export function layersOfHistory(config: ImageConfig): (number | undefined)[] {
  let next = 0;
  return config.history.map((step) => step.emptyLayer || next >= config.diffIds.length ? undefined : next++);
}

/** What a configuration becomes with other layers and one more step, or with the same steps; everything else stays. */
export function changedConfig(
  before: Readonly<JsonObject>, changes: { diffIds: readonly Digest[]; history: readonly Json[]; set?: JsonObject },
): Buffer {
  const rootfs: JsonObject = { type: 'layers', diff_ids: [...changes.diffIds] };
  return Buffer.from(JSON.stringify({ ...before, ...changes.set, rootfs, history: [...changes.history] }));
}
