import { MountError } from './error.js';
import { mountAt, mountType } from './mount-table.js';
import { findStates, type FoundState } from './state.js';

/**
 * The mount at a mount point, for a call of its control socket.
 * @param mountpoint as resolveMountpoint() gives it
 * @throws MountError where there is none that answers to this user
 */
export function findRunning(mountpoint: string): FoundState {
  const there = mountAt(mountpoint);
  if (there === undefined) throw new MountError(`${mountpoint} is not mounted; see tsaufs list`);
  if (there.type !== mountType) throw new MountError(`${mountpoint} is mounted, but not by tsaufs; see tsaufs list for what is`);
  const found = findStates().findLast(({ state }) => state.mountpoint === mountpoint);
  if (found === undefined) throw new MountError(`${mountpoint} is another user's; only who mounted it can do this`);
  if (!found.alive) {
    throw new MountError(`${mountpoint}: its process ${found.state.pid} is dead; remove it with tsaufs umount ${mountpoint}`);
  }
  return found;
}
