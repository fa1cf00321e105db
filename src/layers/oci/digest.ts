import { createHash, type Hash } from 'node:crypto';
import { Transform } from 'node:stream';
import { ImageError } from '../image-error.js';

/** `sha256:` and 64 hexadecimal digits, or `sha512:` and 128 (image-spec, descriptor.md). */
export type Digest = `sha256:${string}` | `sha512:${string}`;

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && pattern.test(value);
}

/** The digest that a text says, without white space around it; undefined where it says none. */
export function parseDigest(text: string): Digest | undefined {
  const trimmed = text.trim();
  return isDigest(trimmed) ? trimmed : undefined;
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function algorithmOf(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** What follows the algorithm's name. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The first twelve digits, as Docker shows an id. */
export function shortId(id: string): string {
  return (id.includes(':') ? id.slice(id.indexOf(':') + 1) : id).slice(0, 12);
}

/** @throws ImageError where the bytes are others; `what` names them in the line */
export function verifyBytes(bytes: Uint8Array, digest: Digest, what: string): void {
  const found = createHash(algorithmOf(digest)).update(bytes).digest('hex');
  if (found !== hexOf(digest)) throw wrongDigest(what, digest, `${algorithmOf(digest)}:${found}`);
}

export function wrongDigest(what: string, expected: string, found: string): ImageError {
  return new ImageError(`${what} is damaged: its digest should be ${expected} and is ${found}`);
}

/** Lets bytes through, and counts and hashes them. */
export class DigestStream extends Transform {
  readonly #hash: Hash;
  readonly #algorithm: 'sha256' | 'sha512';
  size = 0;

  constructor(algorithm: 'sha256' | 'sha512' = 'sha256') {
    super();
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: Error | null, chunk: Buffer) => void): void {
    this.#hash.update(chunk);
    this.size += chunk.length;
    done(null, chunk);
  }

  /** Of all that has gone through; can be asked once. */
  digest(): Digest {
    return `${this.#algorithm}:${this.#hash.digest('hex')}`;
  }
}

/**
 * The id of a stack of layers: that of the lowest is its diff id, and each above hashes the one below and its own diff id
 * (image-spec, config.md, "Layer ChainID"). In the order of the diff ids: the last is that of the whole.
 */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const ids: Digest[] = [];
  for (const diffId of diffIds) {
    const below = ids.at(-1);
    ids.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return ids;
}
