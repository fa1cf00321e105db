// The unions that `tsaufs explain` and `tsaufs tree` are asked about: mounted ones by a path in them, others by their branches.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { optionsInForce } from '../daemon/look-at-mount.js';
import { mountAt, mountType, readMountTable } from '../daemon/mount-table.js';
import { InspectError } from '../inspect/error.js';
import { type Look, openLook } from '../inspect/look.js';
import { parseMountOptions } from '../options/mount.js';
import { nameFromText } from '../posix/name.js';
import type { UnionOptions } from '../union/options.js';
import { UsageError } from './status.js';

export interface LookedAt {
  look: Look;
  /** From the root of the union: bytes as a latin1 string. */
  path: string;
}

/** Opens unions as they are asked for, each once; `close` closes them all. */
export class Looks {
  private readonly opened = new Map<string, Look>();

  /** `options`: the values of -o; with them no mount is looked for, and paths are from the root of the union. */
  constructor(private readonly options: readonly string[]) {}

  /** @throws UsageError, OptionError, InspectError, UnionError */
  at(written: string): LookedAt {
    if (this.options.length > 0) {
      return { look: this.open('', () => ({ union: this.given() })), path: nameFromText(inUnion(written)) };
    }
    const { absolute, mountpoint, device } = mountOf(written);
    return { look: this.open(mountpoint, () => ({ union: optionsInForce(mountpoint || '/'), device })), path: nameFromText(absolute.slice(mountpoint.length)) };
  }

  private given(): UnionOptions {
    const { union, warnings } = parseMountOptions(this.options, process.cwd());
    for (const line of warnings) warn(line);
    return union;
  }

  private open(key: string, union: () => { union: UnionOptions; device?: string }): Look {
    let look = this.opened.get(key);
    if (look === undefined) {
      const { union: options, device } = union();
      look = openLook(options, device);
      this.opened.set(key, look);
      for (const line of look.warnings) warn(line);
    }
    return look;
  }

  close(): void {
    for (const look of this.opened.values()) look.close();
    this.opened.clear();
  }
}

function warn(line: string): void {
  process.stderr.write(`tsaufs: warning: ${line}\n`);
}

/** '..' does not lead out of a union. */
function inUnion(written: string): string {
  return path.posix.normalize(`/${written}`);
}

/** The union that a path lies in. The last part of the path is not followed if it is a symbolic link. */
function mountOf(written: string): { absolute: string; mountpoint: string; device: string } {
  const table = readMountTable();
  const direct = path.resolve(written);
  const absolute = mountAt(direct, table)?.type === mountType ? direct : resolved(direct);
  for (let at = absolute; ; at = path.dirname(at)) {
    const entry = mountAt(at, table);
    if (entry?.type === mountType) return { absolute, mountpoint: at === '/' ? '' : at, device: entry.device };
    if (entry !== undefined || at === '/') {
      throw new UsageError(`${written} is not in a tsaufs mount; mount the union first, or give its branches with -o br=DIR:DIR and paths from its root`);
    }
  }
}

/** The place that a path means, through symbolic links in all its parts but the last, as far as they exist. */
function resolved(absolute: string): string {
  const missing = [path.basename(absolute)];
  for (let parent = path.dirname(absolute); ; parent = path.dirname(parent)) {
    try {
      return path.join(realpathSync.native(parent), ...missing);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EPERM' && code !== 'ENAMETOOLONG') {
        throw new InspectError(`${parent} cannot be looked at: ${code ?? (error as Error).message}; see tsaufs list`);
      }
      missing.unshift(path.basename(parent));
    }
  }
}
