import { forgetOldMounts } from './running.js';
import { mountAt, mountType, readMountTable } from './mount-table.js';
import { findStates, type BranchText, type FoundState, type MountState } from './state.js';

/**
 * running: answers; dead: the process is gone and the mount still there; failed: the file system ended by
 * itself; detached: no longer mounted, but somebody still has a file open.
 */
export type MountStatus = 'running' | 'dead' | 'failed' | 'detached';

export interface ListedMount extends MountState {
  status: MountStatus;
  /** The state directory. */
  directory: string;
  branches: BranchText[];
}

/** The mounts of this user and of root, oldest first. State that stands for nothing any more is removed. */
export function listMounts(): ListedMount[] {
  forgetOldMounts();
  const table = readMountTable();
  return findStates().map((found) => ({
    ...found.state,
    status: statusOf(found, mountAt(found.state.mountpoint, table)?.type === mountType),
    directory: found.directory,
    branches: found.branches,
  }));
}

function statusOf(found: FoundState, mounted: boolean): MountStatus {
  if (found.state.failure !== undefined) return 'failed';
  if (!found.alive) return 'dead';
  return mounted ? 'running' : 'detached';
}
