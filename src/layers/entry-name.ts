// Names in an archive, and what they may be.

import { NAME_LONGEST, WHITEOUT_PREFIX } from '../union/name.js';
import { OPAQUE_MARK, PLINK_DIRECTORY } from '../union/whiteout.js';
import { LayerError, shownName } from './error.js';

/** Names that begin so are AUFS's own records, except for the opaque mark. */
export const RECORD_PREFIX = '.wh..wh.';

/** The parts of an archive's path, none for the root. Throws LayerError for one that leads out of the layer. */
export function partsOf(path: string): string[] {
  if (path.startsWith('/')) throw new LayerError(`${shownName(path)}: an absolute path`);
  if (path.includes('\0')) throw new LayerError(`${shownName(path)}: a name with a NUL`);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw new LayerError(`${shownName(path)}: a path with ".."`);
    if (part.length > 255) throw new LayerError(`${shownName(part.slice(0, 60))}…: a name of more than 255 bytes`);
  }
  if (path === '') throw new LayerError('an entry without a name');
  return parts;
}

/**
 * What an entry is to AUFS. mark: a whiteout or an opaque mark; pseudo-link: below `.wh..wh.plnk`, for hard links of other
 * entries to lead to; record: of AUFS itself, to be passed over.
 */
export type NameKind = 'ordinary' | 'mark' | 'pseudo-link' | 'record';

/** Throws LayerError for a whiteout that cannot be one. */
export function kindOf(parts: readonly string[]): NameKind {
  const last = parts.length - 1;
  for (let i = 0; i <= last; i++) {
    const part = parts[i];
    if (!part.startsWith(WHITEOUT_PREFIX)) continue;
    if (part === OPAQUE_MARK && i === last) return 'mark';
    if (part.startsWith(RECORD_PREFIX)) return i === 0 && part === PLINK_DIRECTORY ? 'pseudo-link' : 'record';
    if (i < last) throw new LayerError(`${shownName(parts.join('/'))}: a path through a whiteout`);
    checkWhiteout(part);
    return 'mark';
  }
  return 'ordinary';
}

function checkWhiteout(name: string): void {
  const hidden = name.slice(WHITEOUT_PREFIX.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw new LayerError(`${shownName(name)}: a whiteout of no name that there can be`);
  if (hidden.length > NAME_LONGEST) throw new LayerError(`${shownName(name.slice(0, 60))}…: a whiteout of a name of more than ${NAME_LONGEST} bytes`);
}
