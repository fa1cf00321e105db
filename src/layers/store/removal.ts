import { existsSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fchmod } from '../../posix/attributes.js';
import { geteuid } from '../../posix/credentials.js';
import { AT, readDirectory } from '../../posix/directory.js';
import { close, O, openat } from '../../posix/file.js';
import { nameFromText } from '../../posix/name.js';
import { removeTree } from '../../union/remove-tree.js';
import { ImageError } from '../image-error.js';
import { reason } from './files.js';
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
  const name = nameFromText(path.basename(directory));
  try {
    // A user's own directories may be closed to him.
    if (geteuid() !== 0) openUp(parent, name);
    removeTree(parent, name);
  } catch (error) {
    throw new ImageError(`${directory} cannot be removed: ${reason(error)}`);
  } finally {
    close(parent);
  }
}

/** Lets its owner into a directory and all below it. */
function openUp(dirfd: number, name: string): void {
  const here = openat(dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
  if (here < 0) return;
  fchmod(here, 0o700);
  close(here);
  const fd = openat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd < 0) return;
  try {
    const children: string[] = [];
    readDirectory(fd, (child) => children.push(child));
    for (const child of children) openUp(fd, child);
  } finally {
    close(fd);
  }
}
