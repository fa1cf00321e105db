// Where things lie in a tar archive, byte by byte: tar libraries keep neither the raw headers nor the places of the data.
import { readPax } from './pax.js';
import { ImageError } from './image-error.js';

const BLOCK = 512;

/** What one member of the archive is, as far as its place and content matter. */
export interface TarMember {
  /** Latin1, as in the archive. */
  name: string;
  linkname: string;
  /** The type flag: '0' file, '1' hard link, '2' symlink, '5' directory… */
  type: string;
  /** Bytes of content that follow the header. */
  size: number;
  /** Where they begin. */
  offset: number;
  /** The content is a sparse file's: not what the file has, but its pieces without the holes. */
  sparse: boolean;
}

export interface TarScan {
  /** Bytes that are no member's content: headers, padding, the end. Valid during the call. */
  segment(bytes: Buffer): void;
  member(member: TarMember): void;
  /** A piece of the last member's content. Valid during the call. */
  data(bytes: Buffer): void;
}

/** Takes an uncompressed archive in pieces of any size, and tells what they are. Numbers are bytes. */
export class TarScanner {
  readonly #scan: TarScan;
  #header = Buffer.alloc(0);
  /** An extended header, whose content is for the next member. */
  #extension: { type: string; pieces: Buffer[] } | undefined;
  #pax = new Map<string, string>();
  readonly #globalPax = new Map<string, string>();
  #longName: string | undefined;
  #longLink: string | undefined;
  /** Bytes of content, and of padding after it, that are still to come. */
  #content = 0;
  #padding = 0;
  #inMember = false;
  #zeroBlocks = 0;
  #offset = 0;
  /** Members seen. */
  members = 0;

  constructor(scan: TarScan) {
    this.#scan = scan;
  }

  /** How many bytes come before the next header: whoever reads a file may pass over them with {@link skip}. */
  get untilHeader(): number {
    return this.#inMember && this.#header.length === 0 ? this.#content + this.#padding : 0;
  }

  skip(): void {
    this.#offset += this.untilHeader;
    this.#content = 0;
    this.#padding = 0;
    this.#inMember = false;
  }

  /** The end of the archive has come: two blocks of zeros. */
  get ended(): boolean {
    return this.#zeroBlocks >= 2;
  }

  /** @throws ImageError where it is no tar archive */
  push(piece: Buffer): void {
    for (let at = 0; at < piece.length;) {
      at += this.#take(piece.subarray(at));
    }
  }

  /** @throws ImageError where the archive is not complete; to be called after the last piece */
  end(): void {
    if (this.#content > 0 || this.#header.length > 0 || this.#extension !== undefined) {
      throw new ImageError('the archive ends in the middle of an entry; it is not complete');
    }
  }

  /** Takes what belongs together from the start of `rest`, at least one byte. */
  #take(rest: Buffer): number {
    let taken: number;
    if (this.ended) {
      taken = rest.length;
      this.#scan.segment(rest);
    } else if (this.#content > 0) {
      taken = this.#takeContent(rest);
    } else if (this.#padding > 0) {
      taken = Math.min(this.#padding, rest.length);
      this.#padding -= taken;
      this.#scan.segment(rest.subarray(0, taken));
    } else {
      taken = this.#takeHeader(rest);
    }
    this.#offset += taken;
    return taken;
  }

  #takeContent(rest: Buffer): number {
    const taken = Math.min(this.#content, rest.length);
    this.#content -= taken;
    const piece = rest.subarray(0, taken);
    if (this.#extension === undefined) {
      this.#scan.data(piece);
      return taken;
    }
    this.#scan.segment(piece);
    this.#extension.pieces.push(Buffer.from(piece));
    if (this.#content === 0) this.#takeExtension();
    return taken;
  }

  #takeHeader(rest: Buffer): number {
    this.#inMember = false;
    const taken = Math.min(BLOCK - this.#header.length, rest.length);
    this.#header = Buffer.concat([this.#header, rest.subarray(0, taken)]);
    if (this.#header.length < BLOCK) return taken;
    const header = this.#header;
    this.#header = Buffer.alloc(0);
    this.#scan.segment(header);
    if (header.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return taken;
    }
    this.#zeroBlocks = 0;
    this.#readHeader(header, this.#offset + taken);
    return taken;
  }

  #readHeader(header: Buffer, offset: number): void {
    checkSum(header);
    const type = header[156] === 0 ? '0' : String.fromCharCode(header[156]);
    const size = numberIn(header, 124, 12);
    if ('xgLK'.includes(type)) {
      if (size > 1 << 22) throw new ImageError('the archive has an extended header of more than 4 MiB');
      this.#extension = { type, pieces: [] };
      this.#begin(size);
      if (size === 0) this.#takeExtension();
      return;
    }
    const pax = new Map([...this.#globalPax, ...this.#pax]);
    const stated = pax.get('size');
    // Links, directories and devices have no content, whatever size they state.
    const content = '123456'.includes(type) ? 0 : stated === undefined ? size : Number(stated);
    if (!Number.isSafeInteger(content) || content < 0) throw notTar();
    this.members++;
    this.#scan.member({
      name: pax.get('path') ?? this.#longName ?? nameIn(header),
      linkname: pax.get('linkpath') ?? this.#longLink ?? textIn(header, 157, 100),
      type, size: content, offset,
      sparse: type === 'S' || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.')),
    });
    this.#pax = new Map();
    this.#longName = this.#longLink = undefined;
    this.#begin(content);
    this.#inMember = true;
  }

  #begin(size: number): void {
    this.#content = size;
    this.#padding = (BLOCK - size % BLOCK) % BLOCK;
  }

  #takeExtension(): void {
    const { type, pieces } = this.#extension!;
    this.#extension = undefined;
    const content = Buffer.concat(pieces);
    if (type === 'x') readPax(content, this.#pax);
    else if (type === 'g') readPax(content, this.#globalPax);
    else if (type === 'L') this.#longName = textIn(content, 0, content.length);
    else this.#longLink = textIn(content, 0, content.length);
  }
}

function notTar(): ImageError {
  return new ImageError('this is not a tar archive, or it is damaged');
}

function checkSum(header: Buffer): void {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i];
  if (sum !== numberIn(header, 148, 8)) throw notTar();
}

/** Octal digits, or with the highest bit set a big-endian number. */
function numberIn(header: Buffer, start: number, length: number): number {
  if ((header[start] & 0x80) !== 0) {
    let value = header[start] & 0x7f;
    for (let i = start + 1; i < start + length; i++) value = value * 256 + header[i];
    return value;
  }
  const digits = textIn(header, start, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw notTar();
  return digits === '' ? 0 : parseInt(digits, 8);
}

function textIn(bytes: Buffer, start: number, length: number): string {
  const field = bytes.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? field.length : end);
}

function nameIn(header: Buffer): string {
  const name = textIn(header, 0, 100);
  // Only POSIX's form has the prefix field; GNU's has times in its place.
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? textIn(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}
