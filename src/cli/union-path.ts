// A path in a mounted union.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { mountAt, mountType, readMountTable } from '../daemon/mount-table.js';
import { nameFromText, textFromName } from '../posix/name.js';
import { UsageError } from './status.js';

export interface UnionPath {
  mountpoint: string;
  /** From the root of the union: bytes as a latin1 string. */
  path: string;
}

/**
 * `written`: bytes as a latin1 string. Symbolic links are followed, but for the last part of the path.
 * @throws UsageError where it lies in no tsaufs mount
 */
export function unionPath(written: string): UnionPath {
  const table = readMountTable();
  const absolute = path.posix.resolve(nameFromText(process.cwd()), written);
  const whole = path.posix.join(realpathOr(path.posix.dirname(absolute)), path.posix.basename(absolute));
  for (let at = whole; ; at = path.posix.dirname(at)) {
    const mountpoint = textFromName(at);
    const entry = mountAt(mountpoint, table);
    if (entry?.type === mountType) return { mountpoint, path: whole.slice(at === '/' ? 0 : at.length) };
    if (entry !== undefined || at === '/') throw new UsageError(`${textFromName(written)} is not in a tsaufs mount; see tsaufs list`);
  }
}

function realpathOr(name: string): string {
  try {
    return realpathSync.native(Buffer.from(name, 'latin1'), { encoding: 'latin1' });
  } catch {
    return name;
  }
}
