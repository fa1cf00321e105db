// Writing a tar archive with tar-stream: the classic header wherever it can hold an entry, and an extended header before it
// for what it cannot. tar-stream would encode that as UTF-8, so the records are made here.

import type { Header, Pack } from 'tar-stream';
import type { EntryType, LayerEntry } from './entry.js';
import { paxRecord, paxTime, XATTR_RECORD } from './pax.js';

const TYPES: Readonly<Record<EntryType, Header['type']>> = {
  'file': 'file',
  'directory': 'directory',
  'symlink': 'symlink',
  'hardlink': 'link',
  'character-device': 'character-device',
  'block-device': 'block-device',
  'fifo': 'fifo',
};

// What tar-stream's header holds: six octal digits of an id or device number, 31 bits of a time, 100 bytes of a name.
const ID_MAX = 0o777777;
const TIME_MAX = 0x7fffffff;
const NAME_MAX = 100;
const BLOCK = 512;

/** tar-stream takes a mode of 0 for none; of this it encodes the lower twelve bits. */
const MODE_ZERO = 0o10000;

const emptyHeader = { linkname: '', uid: 0, gid: 0, mtime: new Date(0), uname: '', gname: '', devmajor: 0, devminor: 0 };

/** Adds an entry without content. */
export function addHeader(archive: Pack, entry: LayerEntry): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => error ? reject(error) : resolve();
    if (entry.type === 'file') archive.entry(headerOf(archive, entry), Buffer.alloc(0), settle);
    else archive.entry(headerOf(archive, entry), settle);
  });
}

/** Adds a file. `pieces` gives exactly entry.size bytes. */
export function addFile(archive: Pack, entry: LayerEntry, pieces: Iterator<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = archive.entry(headerOf(archive, entry), (error) => error ? reject(error) : resolve());
    const more = (): void => {
      try {
        for (;;) {
          const next = pieces.next();
          if (next.done === true) {
            sink.end(undefined);
            return;
          }
          if (!sink.write(next.value)) return;
        }
      } catch (error) {
        // The entry's callback gets it.
        sink.destroy(error as Error);
      }
    };
    sink.on('drain', more);
    sink.on('error', (error) => reject(error));
    more();
  });
}

/** The header, once its extended header, if it needs one, is in the archive. */
function headerOf(archive: Pack, entry: LayerEntry): Header {
  const records: string[] = [];
  const record = (key: string, value: string | number): void => void records.push(paxRecord(key, String(value)));
  const fitting = (value: number, key: string): number => {
    if (value <= ID_MAX) return value;
    record(key, value);
    return 0;
  };
  const header: Header = {
    ...emptyHeader,
    type: TYPES[entry.type],
    name: entry.name,
    linkname: entry.linkname,
    size: entry.size,
    mode: entry.mode === 0 ? MODE_ZERO : entry.mode,
    uid: fitting(entry.uid, 'uid'),
    gid: fitting(entry.gid, 'gid'),
    devmajor: fitting(entry.devMajor, 'SCHILY.devmajor'),
    devminor: fitting(entry.devMinor, 'SCHILY.devminor'),
  };
  if (!isPlainName(entry.name)) {
    record('path', entry.name);
    header.name = entry.type === 'directory' ? 'long-name/' : 'long-name';
  }
  if (!isPlainName(entry.linkname)) {
    record('linkpath', entry.linkname);
    header.linkname = 'long-name';
  }
  const isPlainTime = entry.mtime >= 0 && entry.mtime <= TIME_MAX;
  if (isPlainTime) header.mtime = new Date(entry.mtime * 1000);
  if (!isPlainTime || entry.mtimeNsec !== 0) record('mtime', paxTime(entry.mtime, entry.mtimeNsec));
  for (const [name, value] of entry.xattrs) record(XATTR_RECORD + name, value);
  if (records.length > 0) addRecords(archive, records.join(''));
  return header;
}

/** Between two entries. tar-stream takes content only for files. */
function addRecords(archive: Pack, records: string): void {
  const content = Buffer.from(records, 'latin1');
  archive.push(recordsHeader(content.length));
  archive.push(content);
  if (content.length % BLOCK > 0) archive.push(Buffer.alloc(BLOCK - content.length % BLOCK));
}

/** The header of an extended header, pax(1). */
function recordsHeader(size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): unknown => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  header.write('PaxHeader', 0, 'latin1');
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  header.write('x', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  // The sum of the header's bytes with spaces in its own place.
  header.fill(' ', 148, 156);
  octal(header.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return header;
}

/** The header's prefix would hold longer ones; on the extended header all readers agree. */
function isPlainName(name: string): boolean {
   
  return name.length <= NAME_MAX && /^[\x00-\x7f]*$/.test(name);
}
