import { stat } from 'node:fs/promises';
import type { BranchSpec } from '../union/options.js';
import { overlapError } from '../union/branch.js';
import { MountError } from './error.js';
import { checkMountpoint, resolveMountpoint } from './mountpoint.js';

/**
 * All that can be told of a mount without mounting (`mount -f`): the mount point and the branches are looked at, nothing
 * is written.
 * @throws MountError why it could not be mounted
 */
export async function rehearseMount(written: string, branches: readonly BranchSpec[]): Promise<void> {
  checkMountpoint(resolveMountpoint(written), branches);
  for (const [index, { path }] of branches.entries()) {
    const overlap = overlapError(branches.slice(0, index).map((branch) => branch.path), path);
    if (overlap !== null) throw new MountError(overlap);
    await checkBranch(path);
  }
}

async function checkBranch(path: string): Promise<void> {
  const stats = await stat(path).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
  if (stats === 'ENOENT') throw new MountError(`branch ${path} does not exist; make the directory first`);
  if (stats === undefined || typeof stats === 'string') throw new MountError(`branch ${path} cannot be opened: ${stats}; give this user the right to read it, or mount as root`);
  if (!stats.isDirectory()) throw new MountError(`branch ${path} is not a directory; name one`);
}
