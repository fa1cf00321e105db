import { existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { AT } from '../../posix/directory.js';
import { close, O, openat } from '../../posix/file.js';
import { nameFromText } from '../../posix/name.js';
import { removeTree } from '../../union/remove-tree.js';
import { ImageError } from '../image-error.js';
import type { StorePaths } from './paths.js';

/** What is being removed has this behind its name, as in Docker's store: nothing finds it any more. */
export const removing = '-removing';

/** Removes a layer from the driver's directories. */
export function removeDriverLayer(paths: StorePaths, cacheId: string): void {
  rmSync(paths.parents(cacheId), { force: true });
  for (const directory of [paths.diff(cacheId), paths.mountpoint(cacheId)]) removeAside(directory);
}

/** Hides a directory at once, then removes it. */
export function removeAside(directory: string): void {
  const aside = `${directory}${removing}`;
  if (existsSync(aside)) removeDirectory(aside);
  if (!existsSync(directory)) return;
  renameSync(directory, aside);
  removeDirectory(aside);
}

/** Whatever names and kinds of files are in it, and never through a symlink. */
export function removeDirectory(directory: string): void {
  const parent = openat(AT.FDCWD, nameFromText(path.dirname(directory)), O.PATH | O.DIRECTORY, 0);
  if (parent < 0) return;
  try {
    removeTree(parent, nameFromText(path.basename(directory)));
  } catch (error) {
    throw new ImageError(`${directory} cannot be removed: ${(error as Error).message}`);
  } finally {
    close(parent);
  }
}
