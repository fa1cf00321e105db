// Reading a tar archive. tar-stream takes it apart; its extended headers are read here, since it decodes them as UTF-8 and
// so loses xattrs and names that are anything else.

import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import type { EntryType, LayerEntry } from './entry.js';
import { LayerError, shownName } from './error.js';
import { type PaxRecords, readPax, readPaxTime, XATTR_RECORD } from './pax.js';
import { sparseFileOf } from './sparse.js';

/** Gets an archive's entries, in its order; a throw ends the reading. */
export interface EntryVisitor {
  entry(entry: LayerEntry): void;
  /** A piece of the last entry's content, in order. Valid during the call. */
  data(piece: Buffer): void;
  /** The last entry's content is complete. Called for every entry. */
  end(): void;
}

/**
 * Reads an uncompressed archive to its end. Rejects with what the visitor has thrown, or a LayerError. `done` is told of each
 * piece of the input that is not looked at any more.
 */
export function readTar(input: Readable, visitor: EntryVisitor, done?: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const archive = extract({ filenameEncoding: 'latin1', allowUnknownFormat: true, highWaterMark: 1 } as object);
    const internals = archive as unknown as Internals;
    /** Given to tar-stream, which may keep parts of them until more comes. */
    const given: Buffer[] = [];
    const records = readRecordsExactly(internals);
    const fail = (error: unknown): void => {
      archive.destroy();
      input.destroy();
      reject(explained(error));
    };
    archive.on('entry', (header, content, next) => {
      try {
        const entry = toEntry(header, records());
        visitor.entry(entry);
        if (header.size === 0 || header.type === 'directory') {
          visitor.end();
          next();
          return;
        }
      } catch (error) {
        fail(error);
        return;
      }
      content.on('data', (piece) => {
        try {
          visitor.data(piece as Buffer);
        } catch (error) {
          fail(error);
        }
      });
      content.on('end', () => {
        try {
          visitor.end();
        } catch (error) {
          fail(error);
          return;
        }
        next();
      });
      content.on('error', () => undefined);
    });
    archive.on('finish', () => resolve());
    archive.on('error', fail);
    archive.on('drain', () => {
      if (done !== undefined && internals._buffer.buffered === 0) for (const piece of given.splice(0)) done(piece);
      input.resume();
    });
    input.on('data', (piece: Buffer) => {
      if (archive.destroyed) return;
      if (done !== undefined) given.push(piece);
      if (!archive.write(piece)) input.pause();
    });
    input.on('end', () => archive.end(undefined));
    input.on('error', fail);
    input.on('close', () => {
      if (!input.readableEnded) fail(new LayerError('the layer ended early'));
    });
  });
}

function explained(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (error.message === 'Unexpected end of data') return new LayerError('the archive ends in the middle of an entry; it is not complete');
  if (error.message.startsWith('Invalid tar header') || error.message === 'Invalid header') return new LayerError('this is not a tar archive, or it is damaged');
  if (error.message === 'Header exceeds max size') return new LayerError('the archive has an extended header of more than 4 MiB');
  return error;
}

/** The part of tar-stream's Extract that reads extended headers, and what it keeps; test/layers/read-tar.test.ts fails should it change. */
interface Internals {
  _buffer: { buffered: number };
  _header: { type: string };
  _paxGlobal: Record<string, string> | null;
  _pax: Record<string, string> | null;
  _decodeLongHeader(header: Buffer): void;
}

/** Gives a function that says which records, global ones included, hold for the entry at hand. */
function readRecordsExactly(archive: Internals): () => PaxRecords {
  const globals: PaxRecords = new Map();
  let next: PaxRecords | null = null;
  const decode = archive._decodeLongHeader.bind(archive);
  archive._decodeLongHeader = (header) => {
    if (archive._header.type === 'pax-global-header') {
      readPax(header, globals);
    } else if (archive._header.type === 'pax-header') {
      next ??= new Map(globals);
      readPax(header, next);
      // What tar-stream itself acts upon.
      archive._pax = { path: next.get('path') ?? '', linkpath: next.get('linkpath') ?? '', size: next.get('size') ?? '' };
    } else {
      decode(header);
    }
  };
  return () => {
    const records = next ?? globals;
    next = null;
    return records;
  };
}

const TYPES: Readonly<Record<string, EntryType>> = {
  'file': 'file',
  'contiguous-file': 'file',
  'directory': 'directory',
  'symlink': 'symlink',
  'link': 'hardlink',
  'character-device': 'character-device',
  'block-device': 'block-device',
  'fifo': 'fifo',
};

function toEntry(header: Header, records: PaxRecords): LayerEntry {
  const type = TYPES[header.type] as EntryType | undefined;
  if (type === undefined) {
    throw new LayerError(`${shownName(header.name)}: an entry of a kind that layers do not have; if it is a sparse file, pack it with --format=posix`);
  }
  const entry: LayerEntry = {
    type,
    name: records.get('path') ?? header.name,
    linkname: records.get('linkpath') ?? linkOf(header),
    mode: header.mode & 0o7777,
    uid: idOf(records, 'uid', header.uid),
    gid: idOf(records, 'gid', header.gid),
    size: type === 'file' ? header.size : 0,
    mtime: Math.trunc(header.mtime.getTime() / 1000) || 0,
    mtimeNsec: 0,
    devMajor: deviceNumber(header.devmajor),
    devMinor: deviceNumber(header.devminor),
    xattrs: [],
  };
  if (records.size > 0) takeRecords(entry, records);
  return entry;
}

/** tar-stream gives null where there is none, whatever its types say. */
function linkOf({ linkname }: { linkname: string | null }): string {
  return linkname ?? '';
}

function idOf(records: PaxRecords, key: string, inHeader: number): number {
  const id = Number(records.get(key) ?? inHeader);
  if (!Number.isInteger(id) || id < 0 || id >= 0xffffffff) throw new LayerError(`the archive has a ${key} that is no number of a user or group`);
  return id;
}

function deviceNumber(number: number): number {
  if (!Number.isInteger(number) || number < 0 || number > 0xfffff) throw new LayerError('the archive has a device number that there cannot be');
  return number;
}

function takeRecords(entry: LayerEntry, records: PaxRecords): void {
  const mtime = records.get('mtime');
  if (mtime !== undefined) {
    const { seconds, nanoseconds } = readPaxTime(mtime);
    entry.mtime = seconds;
    entry.mtimeNsec = nanoseconds;
  }
  for (const [key, value] of records) {
    if (key.startsWith(XATTR_RECORD)) entry.xattrs.push([key.slice(XATTR_RECORD.length), value]);
  }
  entry.devMajor = deviceNumber(Number(records.get('SCHILY.devmajor') ?? entry.devMajor));
  entry.devMinor = deviceNumber(Number(records.get('SCHILY.devminor') ?? entry.devMinor));
  const sparse = entry.type === 'file' ? sparseFileOf(records) : undefined;
  if (sparse !== undefined) {
    entry.sparse = sparse;
    entry.size = sparse.size;
    entry.name = sparse.name ?? entry.name;
  }
}
