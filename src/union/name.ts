// Names are bytes, held as latin1 strings, one character a byte: exact, and V8's fastest string.

import { Errno, E } from '../posix/errno.js';

/** AUFS's longest name: NAME_MAX less two whiteout prefixes, a dot and four hex digits (aufs(5)). */
export const NAME_LONGEST = 242;

/** The prefix that is AUFS's own on every branch. */
export const WHITEOUT_PREFIX = '.wh.';

/** A JavaScript string (UTF-16) as the bytes of a path. */
export function encodePath(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes shown to a person. */
export function decodeName(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/**
 * Throws ENAMETOOLONG or EPERM for a name that no user of the union may speak of, EINVAL for what is no name of an entry:
 * with '..' or a '/' in it a request would lead out of the branch.
 */
export function checkName(name: string): void {
  if (name.length > NAME_LONGEST) throw new Errno(E.ENAMETOOLONG);
  if (name === '' || name === '.' || name === '..' || name.includes('/')) throw new Errno(E.EINVAL);
  if (isReserved(name)) throw new Errno(E.EPERM);
}

export function isReserved(name: string): boolean {
  return name.charCodeAt(0) === 0x2e && name.startsWith(WHITEOUT_PREFIX);
}
