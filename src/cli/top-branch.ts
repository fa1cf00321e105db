import { statSync } from 'node:fs';
import path from 'node:path';
import { listMounts } from '../daemon/list.js';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { mountAt, mountType } from '../daemon/mount-table.js';
import type { LowerBranch } from '../layers/diff.js';
import { LayerError } from '../layers/error.js';

/** A branch, and those below it in its union. */
export interface BranchAndBelow {
  directory: string;
  /** Undefined for a directory that is no mount point: what lies below is not known. */
  below: LowerBranch[] | undefined;
}

/** The branch that a path means: the topmost writable one of a union that is mounted there, else the directory itself. */
export function branchAt(written: string): BranchAndBelow {
  const mountpoint = resolveMountpoint(written);
  if (mountAt(mountpoint)?.type === mountType) return topBranchOf(mountpoint);
  const directory = path.resolve(written);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new LayerError(`${written} is not a directory; name a branch, or the mount point of a union`);
  }
  return { directory, below: undefined };
}

function topBranchOf(mountpoint: string): BranchAndBelow {
  const mount = listMounts().find((each) => each.mountpoint === mountpoint && each.status === 'running');
  if (mount === undefined) throw new LayerError(`the union on ${mountpoint} is not yours to look at, or its process is gone; see tsaufs list`);
  const branches = mount.branches.map(({ text }) => {
    const equals = text.lastIndexOf('=');
    return { path: text.slice(0, equals), permission: text.slice(equals + 1) };
  });
  const top = branches.findIndex(({ permission }) => isWritable(permission));
  if (top < 0) throw new LayerError(`no branch of the union on ${mountpoint} is writable, so nothing is changed; name a branch's directory`);
  return {
    directory: branches[top].path,
    below: branches.slice(top + 1).map(({ path: directory, permission }) => ({
      path: directory,
      whiteouts: isWritable(permission) || permission.split('+').includes('wh'),
    })),
  };
}

function isWritable(permission: string): boolean {
  return permission.split('+')[0] === 'rw';
}
