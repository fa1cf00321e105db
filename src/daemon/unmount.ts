import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { callControl } from './control.js';
import { errorLine, MountError } from './error.js';
import { mountAt, mountType } from './mount-table.js';
import { resolveMountpoint } from './mountpoint.js';
import { isAlive } from './process.js';
import { findStates, removeState, type FoundState } from './state.js';

/** How long the background process may take to clean up, in milliseconds. */
const usualPatience = 30_000;
const pause = 5;

export interface UnmountWay {
  lazy?: boolean;
  keepPlinks?: boolean;
  patience?: number;
}

/**
 * Unmounts by mount point, whoever serves it, and waits until its process has cleaned up.
 * @param how lazy: detaches a mount that is in use, and waits for nobody; keepPlinks: leaves pseudo-links as they are;
 *   patience: how long its process may take to clean up, in milliseconds
 * @returns a line for the user where the mount was not in order: its process dead, or already unmounted
 * @throws MountError not mounted, busy, not permitted
 */
export async function unmountPath(written: string, how: UnmountWay = {}): Promise<string | undefined> {
  const mountpoint = resolveMountpoint(written);
  const there = mountAt(mountpoint);
  const state = findStates().findLast((found) => found.state.mountpoint === mountpoint);
  if (there?.type !== mountType) return unmountAbsent(mountpoint, state, there !== undefined);
  if (state && !state.alive) return unmountDead(mountpoint, there.device, state);
  if (!state && await isDisconnected(mountpoint)) {
    await detachDead(mountpoint, there.device);
    return `${mountpoint}: its process is dead; the mount was removed`;
  }
  const lazy = how.lazy ?? false;
  if (state && how.keepPlinks) await callControl(state.directory, { command: 'keep-plinks' });
  await detach(mountpoint, lazy);
  if (state && !lazy) await waitForEnd(state, mountpoint, how.patience ?? usualPatience);
  return undefined;
}

function unmountAbsent(mountpoint: string, state: FoundState | undefined, other: boolean): string {
  if (state && !state.alive) {
    removeState(state.directory);
    return `${mountpoint}: the process ${state.state.pid} is dead and nothing is mounted any more; its state was removed`;
  }
  throw new MountError(other ? `${mountpoint} is mounted, but not by tsaufs` : `${mountpoint} is not mounted`);
}

async function unmountDead(mountpoint: string, device: string, found: FoundState): Promise<string> {
  await detachDead(mountpoint, device);
  removeState(found.directory);
  return `${mountpoint}: its process ${found.state.pid} is dead; the mount and its state were removed`;
}

async function isDisconnected(mountpoint: string): Promise<boolean> {
  const { statfs } = await import('node:fs/promises');
  return statfs(mountpoint).then(() => false, (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOTCONN');
}

/**
 * Who still waits for an answer gets an error. A killed process may leave its connection open: its notifying thread may
 * wait in the kernel for a directory's lock that such a caller holds.
 */
async function detachDead(mountpoint: string, device: string): Promise<void> {
  const { writeFileSync } = await import('node:fs');
  try {
    writeFileSync(`/sys/fs/fuse/connections/${device.split(':')[1]}/abort`, '1');
  } catch {
    // Not mounted (fusectl), or another user's; root can do without.
  }
  await detach(mountpoint, true, true);
}

async function detach(mountpoint: string, lazy: boolean, dead = false): Promise<void> {
  if (process.geteuid!() === 0) await detachAsRoot(mountpoint, (lazy ? FLAGS.DETACH : 0) | (dead ? FLAGS.FORCE : 0));
  else await detachAsUser(mountpoint, lazy);
}

/** Of umount2(2); its module is loaded only when it is needed. */
const FLAGS = { FORCE: 1, DETACH: 2 } as const;

async function detachAsRoot(mountpoint: string, flags: number): Promise<void> {
  const { umount2, UMOUNT_NOFOLLOW } = await import('../posix/mount.js');
  const { errnoName, E } = await import('../posix/errno.js');
  const { nameFromText } = await import('../posix/name.js');
  const result = umount2(nameFromText(mountpoint), UMOUNT_NOFOLLOW | flags);
  if (result === -E.EBUSY) throw busy(mountpoint);
  if (result < 0) throw new MountError(`${mountpoint} cannot be unmounted: ${errnoName(-result)}`);
}

async function detachAsUser(mountpoint: string, lazy: boolean): Promise<void> {
  try {
    await promisify(execFile)('fusermount3', ['-u', ...(lazy ? ['-z'] : []), '--', mountpoint]);
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new MountError('fusermount3 is not there; install the package fuse3');
    if (/busy/i.test(stderr ?? '')) throw busy(mountpoint);
    throw new MountError(`${mountpoint} cannot be unmounted: ${stderr?.trim().replace(/\n/g, '; ') || errorLine(error)}`);
  }
}

function busy(mountpoint: string): MountError {
  return new MountError(
    `${mountpoint} is busy; see who uses it with lsof ${mountpoint}, or detach it with tsaufs umount -l ${mountpoint}`,
  );
}

/** A process of its own ends; one that uses the library only removes the state directory. */
async function waitForEnd(found: FoundState, mountpoint: string, patience: number): Promise<void> {
  const deadline = Date.now() + patience;
  while (isAlive(found.state) && (found.state.background || stateRemains(found))) {
    if (Date.now() > deadline) {
      throw new MountError(`${mountpoint} is unmounted, but its process ${found.state.pid} has not ended yet: another mount `
        + `namespace (a container, unshare) may hold a copy of the mount; see ${found.state.log ?? 'it'}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function stateRemains(found: FoundState): boolean {
  return findStates().some((each) => each.directory === found.directory);
}
