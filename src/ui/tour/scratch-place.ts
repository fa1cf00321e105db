import { remove } from 'fs-extra/esm';
import { mountAt } from '../../daemon/mount-table.js';
import { unmountPath } from '../../daemon/unmount.js';

export interface ScratchPlace {
  /** Absolute, without symbolic links. */
  directory: string;
  /** In it. */
  mountpoint: string;
}

/** Also of a union whose process is dead, and of one that somebody uses: that is detached. */
export async function removeScratch({ directory, mountpoint }: ScratchPlace): Promise<void> {
  if (mountAt(mountpoint) !== undefined) {
    await unmountPath(mountpoint).catch(() => unmountPath(mountpoint, { lazy: true }));
  }
  await remove(directory);
}
