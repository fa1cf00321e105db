import { realpathSync, statfsSync } from 'node:fs';
import path from 'node:path';
import type { BranchSpec } from '../union/options.js';
import { branchMode, type BranchMode, type WrittenBranch } from './branch.js';
import type { BranchChange } from './change.js';

/** f_type of the file systems that can never be written: iso9660, cramfs, romfs, squashfs (aufs(5), `rr`). */
const readonlyFileSystems = new Set([0x9660, 0x28cd3d45, 0x7275, 0x73717368]);

/** The place that a path means: absolute and without symbolic links, as far as it exists. */
export function resolvePath(written: string, cwd: string): string {
  const absolute = path.resolve(cwd, written);
  try {
    return realpathSync.native(absolute);
  } catch {
    return absolute;
  }
}

/**
 * A branch ready for use: its path resolved and, where no permission was written, the default of its place:
 * rw at the top of a union that can be written, rr on a file system that cannot, else ro.
 */
export function resolveBranch(branch: WrittenBranch, top: boolean, readonly: boolean, cwd: string): BranchSpec {
  const resolved = resolvePath(branch.path, cwd);
  return { path: resolved, ...(branch.mode ?? defaultMode(resolved, top && !readonly)) };
}

function defaultMode(branchPath: string, writable: boolean): BranchMode {
  if (isReadonlyFileSystem(branchPath)) return branchMode('rr');
  return branchMode(writable ? 'rw' : 'ro');
}

function isReadonlyFileSystem(branchPath: string): boolean {
  try {
    return readonlyFileSystems.has(statfsSync(branchPath).type);
  } catch {
    return false;
  }
}

/** A change whose paths are resolved and whose permission is decided, ready for a union. */
export type ResolvedChange =
  | { kind: 'add'; index: number; branch: BranchSpec }
  | Exclude<BranchChange, { kind: 'add' }>;

export function resolveChange(change: BranchChange, readonly: boolean, cwd: string): ResolvedChange {
  if (change.kind !== 'add') return { ...change, path: resolvePath(change.path, cwd) };
  const top = change.index === 0;
  return { kind: 'add', index: change.index, branch: resolveBranch(change.branch, top, readonly, cwd) };
}
