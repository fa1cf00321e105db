// Mounting layers of a store: the same way as `tsaufs mount`, with branches that are known.
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { mountInBackground } from '../daemon/background.js';
import { listMounts, type ListedMount } from '../daemon/list.js';
import { branchMode } from '../options/branch.js';
import { foldMount } from '../options/mount.js';
import { parseOptions } from '../options/parse.js';
import { copyDirectoryAttributes } from '../layers/store/stack.js';
import { nameFromText } from '../posix/name.js';
import { UsageError } from './status.js';

export interface LayerMount {
  /** From the top down. */
  directories: readonly string[];
  /** The first one is written to; else the union is read-only. */
  writable: boolean;
  mountpoint: string;
  source: string;
  /** More mount options, as after -o. */
  options: readonly string[];
}

/** Mounts as Docker does: the layers below `ro+wh`. Returns when the mount answers. */
export async function mountLayers({ directories, writable, mountpoint, source, options }: LayerMount): Promise<void> {
  const warnings: string[] = [];
  const branches = directories.map((directory, index) => ({
    path: directory,
    mode: index === 0 && writable ? branchMode('rw') : { ...branchMode('ro'), wh: true },
  }));
  const written = parseOptions([...(writable ? [] : ['ro']), ...options], (line) => warnings.push(line));
  if (written.some(({ kind }) => kind === 'branches' || kind === 'change')) {
    throw new UsageError('the branches are those of the image; leave br=, add= and their like out of -o');
  }
  const parsed = foldMount([{ kind: 'branches', branches }, ...written], warnings, process.cwd());
  for (const line of parsed.warnings) process.stderr.write(`tsaufs: warning: ${line}\n`);
  await mountInBackground({ source: parsed.mount.source ?? source, mountpoint: path.resolve(mountpoint), options: parsed, adapter: 'kernel' });
}

/**
 * A directory for changes, made if it is not there; a new or empty one gets the attributes of `like`.
 * @throws UsageError where it lies in `store`
 */
export function scratchDirectory(written: string, store: string, like: string): string {
  const directory = path.resolve(written);
  const place = existsSync(directory) ? realpathSync(directory) : directory;
  if (`${place}/`.startsWith(`${realpathSync(store)}/`)) {
    throw new UsageError(`the scratch directory ${directory} lies in ${store}, where nothing is to be changed; name another`);
  }
  mkdirSync(directory, { recursive: true });
  // The root of a union is that of its top branch.
  if (readdirSync(directory).length === 0) copyDirectoryAttributes(nameFromText(like), nameFromText(directory));
  return directory;
}

/** The directories of a mount's branches, from the top down. */
export function branchDirectories({ branches }: Pick<ListedMount, 'branches'>): string[] {
  return branches.map(({ text }) => text.slice(0, text.lastIndexOf('=')));
}

/** Where a union is mounted that has this directory as a branch. */
export function mountedOn(directory: string): string | undefined {
  return listMounts().find((mount) => mount.status !== 'failed' && branchDirectories(mount).includes(directory))?.mountpoint;
}
