// Tar archives made byte by byte: what a sound program would never write, too.
import { Readable } from 'node:stream';

export interface RawEntry {
  /** Bytes as latin1. */
  name: string;
  /** The type flag: '0' file, '1' hard link, '2' symlink, '3' and '4' devices, '5' directory, '6' fifo … Default '0'. */
  type?: string;
  link?: string;
  content?: Buffer | string;
  /** What the header says, where it is not the length of the content. */
  size?: number | string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  major?: number;
  minor?: number;
  /** Records of an extended header before it. */
  pax?: Record<string, string>;
  gnu?: boolean;
}

/** An archive of these entries, with its end. */
export function archive(...entries: RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(1024)]);
}

export function entryBytes(entry: RawEntry): Buffer {
  const content = Buffer.isBuffer(entry.content) ? entry.content : Buffer.from(entry.content ?? '', 'latin1');
  const before = entry.pax === undefined ? [] : [paxHeader(entry.pax)];
  return Buffer.concat([...before, header(entry, entry.size ?? content.length), padded(content)]);
}

function paxHeader(records: Record<string, string>, type = 'x'): Buffer {
  const text = Object.entries(records).map(([key, value]) => paxLine(key, value)).join('');
  return entryBytes({ name: 'PaxHeaders/x', type, content: Buffer.from(text, 'latin1') });
}

export function globalHeader(records: Record<string, string>): Buffer {
  return paxHeader(records, 'g');
}

function paxLine(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  for (let digits = 1; ; digits++) {
    const length = rest.length + digits;
    if (String(length).length === digits) return `${length}${rest}`;
  }
}

/** A GNU header for a name ('L') or link target ('K') of any length. */
export function gnuLong(type: 'L' | 'K', name: string): Buffer {
  return entryBytes({ name: '././@LongLink', type, content: Buffer.from(`${name}\0`, 'latin1'), gnu: true });
}

function header(entry: RawEntry, size: number | string): Buffer {
  const block = Buffer.alloc(512);
  block.write(entry.name.slice(0, 100), 0, 'latin1');
  block.write(octal(entry.mode ?? 0o644, 7), 100);
  block.write(octal(entry.uid ?? 0, 7), 108);
  block.write(octal(entry.gid ?? 0, 7), 116);
  block.write(typeof size === 'string' ? size : octal(size, 11), 124, 'latin1');
  block.write(octal(entry.mtime ?? 1_000_000_000, 11), 136);
  block.write('        ', 148);
  block.write(entry.type ?? '0', 156);
  block.write((entry.link ?? '').slice(0, 100), 157, 'latin1');
  block.write(entry.gnu ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
  block.write(octal(entry.major ?? 0, 7), 329);
  block.write(octal(entry.minor ?? 0, 7), 337);
  block.write(`${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - content.length % 512) % 512)]);
}

/** The bytes as a stream, in pieces of the given size. */
export function streamOf(bytes: Buffer, piece = 65536): Readable {
  return Readable.from((function* () {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  })(), { objectMode: false });
}
