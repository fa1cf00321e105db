import { LayerError } from './error.js';

/** What a layer may take at most, against archives made to fill a disk. */
export interface LayerLimits {
  /** Bytes of the uncompressed archive, and of the contents its files have when holes are counted. */
  bytes: number;
  entries: number;
}

/** Far above any layer in use. */
export const defaultLimits: LayerLimits = {
  bytes: 128 * 2 ** 30,
  entries: 5_000_000,
};

export function beyondLimit(bytes: number): LayerError {
  return new LayerError(`the layer has more than ${bytes} bytes uncompressed, the limit; allow more with --max-bytes`);
}
