// Writing a tar archive with tar-stream: the classic header wherever it can hold an entry, and an extended header before it
// for what it cannot. tar-stream would encode that as UTF-8, so the records are made here.

import type { Header, Pack } from 'tar-stream';
import type { EntryType, LayerEntry } from './entry.js';
import { paxRecord, paxTime } from './pax.js';

const TYPES: Readonly<Record<EntryType, Header['type']>> = {
  'file': 'file',
  'directory': 'directory',
  'symlink': 'symlink',
  'hardlink': 'link',
  'character-device': 'character-device',
  'block-device': 'block-device',
  'fifo': 'fifo',
};

// What tar-stream's header holds: six octal digits of an id or device number, 31 bits of a time.
const ID_MAX = 0o777777;
const TIME_MAX = 0x7fffffff;

/** Adds an entry without content. */
export function addHeader(archive: Pack, entry: LayerEntry): Promise<void> {
  return new Promise((resolve, reject) => {
    const header = headerOf(archive, entry);
    archive.entry({ ...header, size: 0 }, Buffer.alloc(0), (error) => error ? reject(error) : resolve());
  });
}

/** Adds a file. `pieces` gives exactly entry.size bytes. */
export function addFile(archive: Pack, entry: LayerEntry, pieces: Iterator<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    const sink = archive.entry({ ...headerOf(archive, entry), size: entry.size }, (error) => error ? reject(error) : resolve());
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
        archive.destroy(error as Error);
        reject(error);
      }
    };
    sink.on('drain', more);
    sink.on('error', (error) => reject(error));
    more();
  });
}

/** The header, once its extended header, if it needs one, is in the archive. */
function headerOf(archive: Pack, entry: LayerEntry): Omit<Header, 'size'> {
  const records: string[] = [];
  const record = (key: string, value: string | number): void => void records.push(paxRecord(key, String(value)));
  const fits = (value: number, most: number, key: string): number => {
    if (value <= most) return value;
    record(key, value);
    return 0;
  };
  const header: Omit<Header, 'size'> = {
    type: TYPES[entry.type],
    name: entry.name,
    linkname: entry.linkname,
    mode: entry.mode,
    uid: fits(entry.uid, ID_MAX, 'uid'),
    gid: fits(entry.gid, ID_MAX, 'gid'),
    mtime: new Date(0),
    uname: '',
    gname: '',
    devmajor: fits(entry.devMajor, ID_MAX, 'SCHILY.devmajor'),
    devminor: fits(entry.devMinor, ID_MAX, 'SCHILY.devminor'),
  };
  if (!fitsName(entry.name)) {
    record('path', entry.name);
    header.name = entry.type === 'directory' ? 'long-name/' : 'long-name';
  }
  if (entry.linkname.length > 100 || !isAscii(entry.linkname)) {
    record('linkpath', entry.linkname);
    header.linkname = 'long-name';
  }
  const isPlainTime = entry.mtime >= 0 && entry.mtime <= TIME_MAX;
  if (isPlainTime) header.mtime = new Date(entry.mtime * 1000);
  if (!isPlainTime || entry.mtimeNsec !== 0) record('mtime', paxTime(entry.mtime, entry.mtimeNsec));
  for (const [name, value] of entry.xattrs) record(`SCHILY.xattr.${name}`, value);
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

const BLOCK = 512;

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

function isAscii(text: string): boolean {
  return /^[\x01-\x7f]*$/.test(text);
}

/** Prefixes would hold more; readers agree on the extended header. */
function fitsName(name: string): boolean {
  return name.length <= 100 && isAscii(name);
}
