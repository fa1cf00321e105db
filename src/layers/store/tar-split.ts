// tar-split's record of a layer: all bytes of its archive but the files' contents, so that the archive, and with it the
// layer's digest, can be made again from the directory. One JSON object a line, compressed.
// Source: vbatts/tar-split, tar/storage/entry.go.
import { closeSync, createReadStream, openSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { kindOf, partsOf } from '../entry-name.js';
import { ImageError } from '../image-error.js';
import { shownName } from '../error.js';
import { AT } from '../../posix/directory.js';
import { close, O, openat, openat2Beneath, pread } from '../../posix/file.js';
import { allocate } from '../../posix/memory.js';
import { nameFromText } from '../../posix/name.js';
import { TarScanner, type TarMember } from '../tar-scanner.js';
import { Crc64 } from './crc64.js';

const FILE = 1;
const SEGMENT = 2;

/** Lines are compressed when there are that many bytes of them. */
const BATCH = 1 << 18;
const LONGEST_SEGMENT = 1 << 20;

/** Writes the record of an archive that goes by in pieces. */
export class TarSplitRecorder {
  readonly #file: string;
  readonly #fd: number;
  readonly #scanner: TarScanner;
  readonly #seen = new Set<string>();
  #closed = false;
  #lines: string[] = [];
  #length = 0;
  #position = 0;
  #segment: Buffer[] = [];
  #segmentLength = 0;
  #member: { member: TarMember; crc: Crc64; missing: number } | undefined;
  /** Why the archive cannot be made again from the directory. */
  #impossible: string | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, 'wx', 0o644);
    this.#scanner = new TarScanner({
      segment: (bytes) => this.#addSegment(bytes),
      member: (member) => this.#begin(member),
      data: (bytes) => this.#addData(bytes),
    });
  }

  push(piece: Buffer): void {
    if (this.#impossible === undefined) this.#scanner.push(piece);
  }

  /** The archive is complete. False where there can be no record of it; then there is no file. */
  finish(): boolean {
    if (this.#impossible === undefined) {
      this.#flushSegment();
      this.#write(0);
    }
    this.#close();
    if (this.#impossible !== undefined) rmSync(this.#file, { force: true });
    return this.#impossible === undefined;
  }

  /** Directories that the archive has something in, but does not mention themselves; the upper ones first. */
  unmentioned(): string[][] {
    const found = new Map<string, string[]>();
    for (const name of this.#seen) {
      const parts = name.split('/');
      for (let length = 1; length < parts.length; length++) {
        const parent = parts.slice(0, length).join('/');
        if (!this.#seen.has(parent)) found.set(parent, parts.slice(0, length));
      }
    }
    return [...found.values()].sort((one, other) => one.length - other.length);
  }

  abandon(): void {
    this.#impossible ??= 'abandoned';
    this.#close();
  }

  #close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }

  #addSegment(bytes: Buffer): void {
    this.#segment.push(Buffer.from(bytes));
    this.#segmentLength += bytes.length;
    if (this.#segmentLength >= LONGEST_SEGMENT) this.#flushSegment();
  }

  #flushSegment(): void {
    if (this.#segmentLength === 0) return;
    this.#add({ type: SEGMENT, payload: Buffer.concat(this.#segment).toString('base64') });
    this.#segment = [];
    this.#segmentLength = 0;
  }

  #begin(member: TarMember): void {
    this.#flushSegment();
    this.#checkName(member);
    this.#member = { member, crc: new Crc64(), missing: member.size };
    if (member.size === 0) this.#endMember();
  }

  /** Of two entries with one name the later is on disk; AUFS's own records are not there at all. */
  #checkName({ name, size, sparse }: TarMember): void {
    const parts = partsOf(name);
    const clean = parts.join('/');
    if (this.#seen.has(clean)) this.#impossible = `${shownName(name)} is there twice`;
    this.#seen.add(clean);
    const kind = kindOf(parts);
    if (size > 0 && (sparse || kind !== 'ordinary')) this.#impossible = `${shownName(name)} is not in the directory as it is in the archive`;
  }

  #addData(bytes: Buffer): void {
    const current = this.#member!;
    current.crc.update(bytes);
    current.missing -= bytes.length;
    if (current.missing === 0) this.#endMember();
  }

  #endMember(): void {
    const { member: { name, size }, crc } = this.#member!;
    this.#member = undefined;
    this.#add({ type: FILE, ...nameFields(name), ...(size > 0 ? { size } : {}), payload: size > 0 ? crc.digest().toString('base64') : null });
  }

  #add(entry: object): void {
    const line = `${JSON.stringify({ ...entry, position: this.#position++ })}\n`;
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= BATCH) this.#write(BATCH);
  }

  /** Each batch is a gzip member of its own. */
  #write(least: number): void {
    if (this.#length < least || this.#length === 0) return;
    writeSync(this.#fd, gzipSync(this.#lines.join(''), { level: 1 }));
    this.#lines = [];
    this.#length = 0;
  }
}

function nameFields(name: string): object {
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? { name: text } : { name_raw: bytes.toString('base64') };
}

/**
 * The archive of a layer, made from its record and its directory.
 * The stream fails with an ImageError where a file is missing or has another content than it had.
 */
export function assembleTar(record: string, directory: string): Readable {
  return Readable.from(assemble(record, directory), { objectMode: false, highWaterMark: 1 << 20 });
}

async function* assemble(record: string, directory: string): AsyncGenerator<Buffer> {
  const root = openat(AT.FDCWD, nameFromText(directory), O.PATH | O.DIRECTORY, 0);
  if (root < 0) throw new ImageError(`${directory} cannot be opened`);
  const input = createReadStream(record).pipe(createGunzip());
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      if (line === '') continue;
      const entry = parseEntry(line, record);
      if (entry.type === SEGMENT) yield Buffer.from(entry.payload ?? '', 'base64');
      else if (entry.size > 0) yield* contentOf(root, entry, directory);
    }
  } catch (error) {
    throw error instanceof ImageError ? error : new ImageError(`${record} cannot be read: ${(error as Error).message}`);
  } finally {
    close(root);
    input.destroy();
  }
}

interface Entry {
  type: number;
  name: string;
  size: number;
  payload: string | null;
}

function parseEntry(line: string, record: string): Entry {
  try {
    const { type, name, name_raw: raw, size, payload } = JSON.parse(line) as Record<string, unknown>;
    if (type !== FILE && type !== SEGMENT) throw new Error('type');
    return {
      type,
      name: typeof raw === 'string' && raw !== '' ? Buffer.from(raw, 'base64').toString('latin1') : nameFromText(typeof name === 'string' ? name : ''),
      size: typeof size === 'number' && size > 0 ? size : 0,
      payload: typeof payload === 'string' ? payload : null,
    };
  } catch {
    throw new ImageError(`${record} is damaged`);
  }
}

const PIECE = 1 << 20;

function* contentOf(root: number, { name, size, payload }: Entry, directory: string): Generator<Buffer> {
  const shown = path.join(directory, shownName(name));
  const fd = openat2Beneath(root, path.posix.join('.', name), O.RDONLY | O.NONBLOCK);
  if (fd < 0) throw new ImageError(`${shown} is missing`);
  // Its own: others may read while a piece is under way.
  const buffer = allocate(Math.min(PIECE, size));
  const crc = new Crc64();
  try {
    for (let at = 0; at < size;) {
      const count = pread(fd, buffer.address, Math.min(buffer.length, size - at), at);
      if (count <= 0) throw new ImageError(`${shown} is shorter than it was`);
      at += count;
      const piece = Buffer.from(buffer.bytes.subarray(0, count));
      crc.update(piece);
      yield piece;
    }
    if (crc.digest().toString('base64') !== payload) throw new ImageError(`${shown} has another content than it had`);
  } finally {
    close(fd);
  }
}
