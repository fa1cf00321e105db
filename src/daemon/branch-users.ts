import type { BranchUsers } from '../union/branch-users.js';
import { callControl } from './control.js';
import { MountError } from './error.js';
import { findRunning } from './find-running.js';
import { mountAt } from './mount-table.js';
import { resolveMountpoint } from './mountpoint.js';
import { isOnlyOn } from './working-directories.js';

/** A branch of a mounted union. */
export interface MountedBranch {
  mountpoint: string;
  /** Of the union's file system, `major:minor`. */
  device: string;
  /** The branch's path. */
  branch: string;
  /** Whether a working directory there keeps the branch from being taken away: `path` is as the kernel tells it. */
  heldBy(path: string): boolean;
  /** Asks the union which files are open on the branch, and which of these numbers lie there. Throws MountError. */
  users(inos: readonly number[]): Promise<BranchUsers>;
}

const AT_ONCE = 10_000;

/** @throws MountError not mounted, not permitted, or no branch of it */
export function branchOfMount(written: string, branch: string): MountedBranch {
  const mountpoint = resolveMountpoint(written);
  const found = findRunning(mountpoint);
  const paths = found.branches.map(({ text }) => text.slice(0, text.lastIndexOf('=')));
  const resolved = resolveMountpoint(branch);
  if (!paths.includes(resolved)) throw new MountError(`${resolved} is no branch of the union on ${mountpoint}; it has ${paths.join(', ')}`);
  const inside = mountpoint === '/' ? '/' : `${mountpoint}/`;
  return {
    mountpoint,
    device: mountAt(mountpoint)!.device,
    branch: resolved,
    heldBy: (path) => path.startsWith(inside) && isOnlyOn(path.slice(inside.length), resolved, paths.filter((each) => each !== resolved)),
    users: async (inos) => {
      const users: BranchUsers = { open: [], there: [] };
      // A request has a longest line.
      for (let at = 0; at === 0 || at < inos.length; at += AT_ONCE) {
        const request = { command: 'branch-users', path: resolved, inos: inos.slice(at, at + AT_ONCE) };
        const { open, there } = await callControl(found.directory, request) as BranchUsers;
        users.open = open;
        users.there.push(...there);
      }
      return users;
    },
  };
}
