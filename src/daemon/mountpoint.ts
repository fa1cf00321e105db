import { lstatSync, realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import type { BranchSpec } from '../union/options.js';
import { MountError } from './error.js';
import { mountAt, mountType } from './mount-table.js';

/**
 * The mount point a path means: absolute, through symbolic links, without touching what is mounted there, which
 * may be dead. Where nothing is mounted, or its parents do not exist, simply the absolute path.
 */
export function resolveMountpoint(written: string, cwd = process.cwd()): string {
  const absolute = path.resolve(cwd, written);
  const direct = path.join(realpathOr(path.dirname(absolute)), path.basename(absolute));
  return mountAt(direct)?.type === mountType ? direct : realpathOr(absolute);
}

function realpathOr(name: string): string {
  try {
    return realpathSync.native(name);
  } catch {
    return name;
  }
}

/**
 * Checks a place to mount on. Whether there is FUSE at all, the adapter finds out.
 * @param mountpoint as {@link resolveMountpoint} gives it
 * @throws MountError
 */
export function checkMountpoint(mountpoint: string, branches: readonly BranchSpec[]): void {
  const there = mountAt(mountpoint);
  if (there?.type === mountType) {
    throw new MountError(isConnected(mountpoint)
      ? `${mountpoint} has a tsaufs mount already; unmount it first: tsaufs umount ${mountpoint}`
      : `${mountpoint} has a dead tsaufs mount; remove it first: tsaufs umount ${mountpoint}`);
  }
  checkDirectory(mountpoint);
  checkOutside(mountpoint, branches);
}

/** By a call that the kernel cannot answer for the daemon, as it may stat(2). */
function isConnected(mountpoint: string): boolean {
  try {
    statfsSync(mountpoint);
    return true;
  } catch {
    return false;
  }
}

function checkDirectory(mountpoint: string): void {
  try {
    if (lstatSync(mountpoint).isDirectory()) return;
  } catch (error) {
    throw new MountError(`mount point ${mountpoint} ${reason(error)}`);
  }
  throw new MountError(`mount point ${mountpoint} is not a directory; name one`);
}

function reason(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT': return 'does not exist; make it with mkdir';
    case 'ENOTDIR': return 'is not below a directory; name one that is there';
    case 'EACCES': return 'cannot be reached: permission denied; choose one below directories that you may enter';
    case 'ENOTCONN': return 'has a dead FUSE mount; remove it with umount';
    default: return `cannot be used: ${(error as Error).message}`;
  }
}

/** Inside a branch the union would find itself, without end. On a branch is fine: its descriptor is open before. */
export function checkOutside(mountpoint: string, branches: readonly Pick<BranchSpec, 'path'>[]): void {
  for (const branch of branches) {
    if (mountpoint.startsWith(branch.path === '/' ? '/' : `${branch.path}/`)) {
      throw new MountError(`mount point ${mountpoint} is inside the branch ${branch.path}; choose one outside`);
    }
  }
}
