// What an image is imported from: a directory, or a tar archive whose members are read where they lie.
import { closeSync, createReadStream, createWriteStream, openSync, readSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompressor, detectCompression, explainDamage, type Compression } from '../decompress.js';
import { ImageError } from '../image-error.js';
import { defaultLimits } from '../limits.js';
import { LayerFile } from '../layer-file.js';
import { Meter } from '../meter.js';
import { TarScanner, type TarMember } from '../tar-scanner.js';
import { reason } from '../store/files.js';

export interface Archive {
  /** For error lines. */
  readonly where: string;
  has(name: string): boolean;
  /** Bytes of content. */
  sizeOf(name: string): number;
  /** @throws ImageError where it is missing, or larger than a document is */
  read(name: string): Buffer;
  /** @throws ImageError where it is missing */
  open(name: string): Readable;
  close(): void;
}

/** Indexes, manifests and configurations are a few kilobytes; registries allow 4 MiB. */
const LARGEST_DOCUMENT = 16 * 2 ** 20;
const MOST_MEMBERS = 200_000;
const PIECE = 1 << 16;
const STREAM_PIECE = 1 << 20;

/**
 * @param place a directory or a file
 * @param spool the name of a file that may be made for the time of the import: a compressed archive is unpacked to it
 * @throws ImageError
 */
export async function openArchive(place: string, spool: string): Promise<Archive> {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found === undefined) throw new ImageError(`${place} does not exist`);
  if (found.isDirectory()) return new DirectoryArchive(realpathSync(place), place);
  const input = createReadStream(place, { highWaterMark: STREAM_PIECE });
  try {
    const compression = await detectCompression(input);
    // A pipe can be read only once, and so is copied like a compressed archive.
    if (compression === 'none' && found.isFile()) return new TarArchive(place, place);
    await unpack(input, compression, spool);
  } catch (error) {
    throw error instanceof ImageError ? error : new ImageError(`${place} cannot be read: ${reason(error)}`);
  } finally {
    input.destroy();
  }
  return new TarArchive(spool, place);
}

async function unpack(input: Readable, compression: Compression, spool: string): Promise<void> {
  const output = createWriteStream(spool, { flags: 'wx', mode: 0o600 });
  try {
    if (compression === 'none') await pipeline(input, output);
    else await pipeline(input, await decompressor(compression), new Meter(defaultLimits.bytes), output);
  } catch (error) {
    if (explainDamage(error as Error, compression) === undefined) throw error;
    throw new Error(`its ${compression} data is damaged or not complete`, { cause: error });
  }
}

function checkDocument(where: string, name: string, size: number): void {
  if (size > LARGEST_DOCUMENT) throw new ImageError(`${where}: ${name} has ${size} bytes, too many for a document`);
}

class DirectoryArchive implements Archive {
  readonly #root: string;

  constructor(root: string, readonly where: string) {
    this.#root = root;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  sizeOf(name: string): number {
    return statSync(this.#place(name)).size;
  }

  read(name: string): Buffer {
    const file = this.#place(name);
    checkDocument(this.where, name, statSync(file).size);
    const fd = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(statSync(file).size);
      return bytes.subarray(0, readSync(fd, bytes));
    } finally {
      closeSync(fd);
    }
  }

  open(name: string): Readable {
    return new LayerFile(this.#place(name));
  }

  close(): void {
    // Nothing is held open.
  }

  #place(name: string): string {
    const place = this.#find(name);
    if (place === undefined) throw new ImageError(`${this.where} is not complete: ${name} is missing`);
    return place;
  }

  /** A regular file, and one that really lies in the directory. */
  #find(name: string): string | undefined {
    try {
      const place = realpathSync(path.join(this.#root, name));
      return place.startsWith(this.#root) && statSync(place).isFile() ? place : undefined;
    } catch {
      return undefined;
    }
  }
}

class TarArchive implements Archive {
  readonly #fd: number;
  readonly #members = new Map<string, TarMember>();

  /** @throws ImageError where it is no tar archive */
  constructor(file: string, readonly where: string) {
    this.#fd = openSync(file, 'r');
    try {
      this.#index();
    } catch (error) {
      this.close();
      throw error instanceof Error && error.message.startsWith('this is not')
        ? new ImageError(`${where} is neither an archive of docker save nor an OCI layout: it is not a tar archive, or it is damaged`)
        : new ImageError(`${where}: ${(error as Error).message}`);
    }
  }

  #index(): void {
    const scanner = new TarScanner({
      segment: () => undefined,
      member: (member) => this.#members.set(clean(member.name), member),
      data: () => undefined,
    });
    const piece = Buffer.alloc(PIECE);
    for (let offset = 0; !scanner.ended;) {
      const count = readSync(this.#fd, piece, 0, PIECE, offset);
      if (count === 0) break;
      scanner.push(piece.subarray(0, count));
      offset += count + scanner.untilHeader;
      scanner.skip();
      if (scanner.members > MOST_MEMBERS) throw new ImageError(`it has more than ${MOST_MEMBERS} members; an archive of images has not`);
    }
    scanner.end();
    const { size } = statSync(`/proc/self/fd/${this.#fd}`);
    for (const member of this.#members.values()) {
      if (member.offset + member.size > size) throw new ImageError('the archive ends in the middle of an entry; it is not complete');
    }
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  sizeOf(name: string): number {
    return this.#member(name).size;
  }

  read(name: string): Buffer {
    const { offset, size } = this.#member(name);
    checkDocument(this.where, name, size);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(this.#fd, bytes, 0, size, offset));
  }

  open(name: string): Readable {
    const { offset, size } = this.#member(name);
    // A descriptor of its own, and that very file: who reads it closes it.
    return new LayerFile(`/proc/self/fd/${this.#fd}`, { offset, size });
  }

  close(): void {
    closeSync(this.#fd);
  }

  #member(name: string): TarMember {
    const member = this.#find(name);
    if (member === undefined) throw new ImageError(`${this.where} is not complete: ${name} is missing`);
    return member;
  }

  /** docker save writes a layer that several images share once, and links to it. */
  #find(name: string, depth = 0): TarMember | undefined {
    const member = this.#members.get(clean(name));
    if (member?.type === '1' && depth < 8) return this.#find(member.linkname, depth + 1);
    if (member?.type === '2' && depth < 8) return this.#find(path.posix.join(path.posix.dirname(clean(name)), member.linkname), depth + 1);
    return member !== undefined && (member.type === '0' || member.type === '7') ? member : undefined;
  }
}

function clean(name: string): string {
  return path.posix.join('.', name).replace(/\/$/, '');
}
