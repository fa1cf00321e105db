// PAX records (pax(1), "pax Extended Header"): `LENGTH KEY=VALUE\n`, LENGTH in decimal and counting all of it. Keys and
// values are bytes here, held as latin1 strings: xattrs are binary, and names need not be UTF-8.

import { LayerError } from './error.js';

export type PaxRecords = Map<string, string>;

/** What comes before an extended attribute's name in the key of its record; its value may be empty. */
export const XATTR_RECORD = 'SCHILY.xattr.';

/** Puts the records of an extended header into `into`; a key without value takes the former one away. */
export function readPax(header: Buffer, into: PaxRecords): void {
  let at = 0;
  while (at < header.length && header[at] !== 0) {
    const space = header.indexOf(0x20, at);
    const digits = header.latin1Slice(at, Math.max(at, space));
    const end = at + Number(digits);
    if (!/^\d{1,10}$/.test(digits) || end > header.length || header[end - 1] !== 0x0a) throw malformed();
    const record = header.latin1Slice(space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals <= 0) throw malformed();
    addRecord(record.slice(0, equals), record.slice(equals + 1), into);
    at = end;
  }
}

function malformed(): LayerError {
  return new LayerError('the archive has a malformed extended header');
}

function addRecord(key: string, value: string, into: PaxRecords): void {
  if (value === '' && !key.startsWith(XATTR_RECORD)) into.delete(key);
  else into.set(key, value);
}

/** One record as bytes in a latin1 string. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  // The number counts its own digits, of which there may be one more for it.
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** `SECONDS[.FRACTION]`, perhaps negative, as whole seconds and nanoseconds to add. */
export function readPaxTime(text: string): { seconds: number; nanoseconds: number } {
  const found = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (found === null) throw new LayerError(`the archive has a malformed time: ${JSON.stringify(text.slice(0, 40))}`);
  const [, sign, whole, fraction = ''] = found;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign === '') return { seconds: Number(whole), nanoseconds };
  return nanoseconds === 0 ? { seconds: 0 - Number(whole), nanoseconds } : { seconds: -Number(whole) - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The reverse of readPaxTime, without a fraction where it is zero. */
export function paxTime(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const fraction = negative ? 1e9 - nanoseconds : nanoseconds;
  return `${negative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}
