import { realpathSync } from 'node:fs';
import { listMounts } from '../daemon/list.js';

/** The mount point of a union that works on the directory, or on one above or below it. */
export function unionOn(directory: string): string | undefined {
  const resolved = realpathSync.native(directory);
  const overlaps = (branch: string): boolean => isWithin(branch, resolved) || isWithin(resolved, branch);
  return listMounts()
    .filter(({ status }) => status === 'running' || status === 'detached')
    .find(({ branches }) => branches.some(({ text: branch }) => overlaps(branch.slice(0, branch.lastIndexOf('=')))))?.mountpoint;
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
}
