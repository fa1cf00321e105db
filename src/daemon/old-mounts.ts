import { mountAt, mountType } from './mount-table.js';
import { findStates, removeState } from './state.js';

/** Removes what dead mounts left: of this mount point, and of any that is no longer mounted. */
export function forgetOldMounts(mountpoint?: string): void {
  for (const { directory, state, alive } of findStates()) {
    if (alive || mountAt(state.mountpoint)?.type === mountType) continue;
    if (state.failure !== undefined && state.mountpoint !== mountpoint) continue;
    try {
      removeState(directory);
    } catch {
      // Another user's.
    }
  }
}
