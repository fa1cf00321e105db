import path from 'node:path';
import type { BranchSpec } from '../union/options.js';

const fileName = '.aufs.xino';

/** Where AUFS keeps external inode numbers unless told: on the first writable branch, else in /tmp. */
export function defaultXinoPath(branches: readonly BranchSpec[]): string {
  const writable = branches.find((branch) => branch.perm === 'rw');
  return path.join(writable?.path ?? '/tmp', fileName);
}
