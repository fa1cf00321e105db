// What an image shows at a path: its layers looked through from the top, as a union does.
import { existsSync, lstatSync, type Stats } from 'node:fs';
import { fchmod, fchown, futimens } from '../../posix/attributes.js';
import { geteuid } from '../../posix/credentials.js';
import { AT } from '../../posix/directory.js';
import { E, must } from '../../posix/errno.js';
import { close, O, openat } from '../../posix/file.js';
import { allocate } from '../../posix/memory.js';
import { fstat, Stat } from '../../posix/stat.js';
import { fgetxattr, flistxattr, fsetxattr } from '../../posix/xattr.js';
import { OPAQUE_MARK } from '../../union/whiteout.js';
import { WHITEOUT_PREFIX } from '../../union/name.js';
import { isMissing } from './files.js';

/** A path as bytes in a latin1 string. */
export type BytePath = string;

export type Shown = { kind: 'directory'; top: BytePath } | { kind: 'other' };

/**
 * @param layers from the top down
 * @param parts names from the root on; latin1
 */
export function lookThrough(layers: readonly BytePath[], parts: readonly string[]): Shown | undefined {
  let directories = [...layers];
  for (const [index, name] of parts.entries()) {
    const found = inDirectories(directories, name);
    if (found === undefined) return undefined;
    // Below something else there is nothing, or what a symlink leads to, which is not asked for.
    if (found === 'other') return index === parts.length - 1 ? { kind: 'other' } : undefined;
    directories = found;
  }
  return directories.length === 0 ? undefined : { kind: 'directory', top: directories[0] };
}

/** The directories of that name that are seen, from the top down. */
function inDirectories(directories: readonly BytePath[], name: string): BytePath[] | 'other' | undefined {
  const found: BytePath[] = [];
  for (const directory of directories) {
    if (existsSync(bytes(`${directory}/${WHITEOUT_PREFIX}${name}`))) break;
    const path = `${directory}/${name}`;
    const status = statusOf(path);
    if (status === undefined) continue;
    if (!status.isDirectory()) {
      if (found.length === 0) return 'other';
      break;
    }
    found.push(path);
    if (existsSync(bytes(`${path}/${OPAQUE_MARK}`))) break;
  }
  return found.length === 0 ? undefined : found;
}

export function bytes(path: BytePath): Buffer {
  return Buffer.from(path, 'latin1');
}

function statusOf(path: BytePath): Stats | undefined {
  try {
    return lstatSync(bytes(path));
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

const found = new Stat();
const names = allocate(65536);
const value = allocate(65536);

/**
 * Gives one directory the owner, mode, extended attributes and times of another. A user cannot give away what is his:
 * what he may not keep is left out.
 */
export function copyDirectoryAttributes(from: BytePath, to: BytePath): void {
  const source = must(openat(AT.FDCWD, from, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), from);
  try {
    const target = must(openat(AT.FDCWD, to, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), to);
    try {
      must(fstat(source, found), from);
      if (geteuid() === 0) must(fchown(target, found.uid, found.gid), to);
      must(fchmod(target, found.mode & 0o7777), to);
      copyXattrs(source, target, to);
      must(futimens(target, found.atime, found.atimeNsec, found.mtime, found.mtimeNsec), to);
    } finally {
      close(target);
    }
  } finally {
    close(source);
  }
}

function copyXattrs(source: number, target: number, to: BytePath): void {
  const length = flistxattr(source, names.address, names.length);
  if (length <= 0) return;
  for (const name of names.bytes.latin1Slice(0, length - 1).split('\0')) {
    const size = fgetxattr(source, name, value.address, value.length);
    if (size < 0) continue;
    const result = fsetxattr(target, name, value.address, size, 0);
    if (result < 0 && result !== -E.EPERM && result !== -E.EOPNOTSUPP) must(result, to);
  }
}
