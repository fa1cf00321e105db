import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { callControl } from './control.js';
import { errorLine, MountError } from './error.js';
import { holderElsewhere } from './mount-namespaces.js';
import { type MountEntry, mountAt, mountType, readMountTable } from './mount-table.js';
import { resolveMountpoint } from './mountpoint.js';
import { isAlive } from './process.js';
import { findStates, removeState, type FoundState } from './state.js';

/** How long the background process may take to clean up, in milliseconds. */
const usualPatience = 30_000;
/** The same where it cannot, as another mount namespace has the mount: most containers that start give it up soon. */
const patienceElsewhere = 10_000;
const pause = 5;

/** How long a process may take to say that it is there, in milliseconds, until `force` takes it for stuck. */
const answerPatience = 5000;

/** The mount is in use. */
class BusyError extends MountError {
  override readonly name = 'BusyError';
}

export interface UnmountWay {
  lazy?: boolean;
  /** A mount that is in use and whose process does not answer is ended: who waits for it gets an error. */
  force?: boolean;
  keepPlinks?: boolean;
  patience?: number;
}

/**
 * Unmounts by mount point, whoever serves it, and waits until its process has cleaned up.
 * @param how lazy: detaches a mount that is in use, and waits for nobody; keepPlinks: leaves pseudo-links as they are;
 *   patience: how long its process may take to clean up, in milliseconds
 * @returns a line for the user where not all is as usual: its process dead, already unmounted, or still mounted elsewhere
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
  try {
    await detach(mountpoint, lazy);
  } catch (error) {
    if (!how.force || !(error instanceof BusyError) || !state || await answers(state)) throw error;
    await detachDead(mountpoint, there.device);
    return `${mountpoint}: its process ${state.state.pid} does not answer; the mount was removed, and who waited for it got an error`;
  }
  if (!state || lazy) return undefined;
  const place = otherPlace(state, there.device);
  if (place !== undefined) return `${mountpoint} is unmounted; its process ${state.state.pid} goes on, as it serves ${place}, too`;
  return waitForEnd(state, there, how.patience ?? usualPatience);
}

/** Where the union is still mounted, as its process sees it: bound to another place, or in its own mount namespace, not ours. */
function otherPlace({ state }: FoundState, device: string): string | undefined {
  try {
    return readMountTable(state.pid).findLast((entry) => entry.device === device)?.mountpoint;
  } catch {
    // It has ended, or is another user's.
    return undefined;
  }
}

function unmountAbsent(mountpoint: string, state: FoundState | undefined, other: boolean): string {
  if (state && !state.alive) {
    removeState(state.directory);
    return `${mountpoint}: the process ${state.state.pid} is dead and nothing is mounted any more; its state was removed`;
  }
  throw new MountError(other ? `${mountpoint} is mounted, but not by tsaufs; use umount` : `${mountpoint} is not mounted; see tsaufs list`);
}

async function unmountDead(mountpoint: string, device: string, found: FoundState): Promise<string> {
  await detachDead(mountpoint, device);
  removeState(found.directory);
  return `${mountpoint}: its process ${found.state.pid} is dead; the mount and its state were removed`;
}

/** Whether the thread that serves it does. */
async function answers({ directory }: FoundState): Promise<boolean> {
  const late = new Promise<false>((resolve) => setTimeout(resolve, answerPatience, false).unref());
  return Promise.race([callControl(directory, { command: 'stats' }).then(() => true, () => false), late]);
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
  if (result < 0) throw new MountError(`${mountpoint} cannot be unmounted: ${errnoName(-result)}; do it as root of the machine, or as the user who mounted it`);
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

function busy(mountpoint: string): BusyError {
  return new BusyError(
    `${mountpoint} is busy; see who uses it with lsof ${mountpoint}, or detach it with tsaufs umount -l ${mountpoint}`,
  );
}

/**
 * A process of its own ends; one that uses the library only removes the state directory.
 * @returns a line for the user where it goes on for another mount namespace
 */
async function waitForEnd(found: FoundState, { mountpoint, device }: MountEntry, patience: number): Promise<string | undefined> {
  const { pid, background, log } = found.state;
  const begun = Date.now();
  let looked = begun;
  while (isAlive(found.state) && (background || stateRemains(found))) {
    const now = Date.now();
    if (now - looked > Math.min(patience, patienceElsewhere)) {
      looked = now;
      const holder = holderElsewhere(device);
      if (holder) {
        return `${mountpoint} is unmounted here; the mount namespace of process ${holder.pid} (${holder.command}) has it still, `
          + `and process ${pid} serves it until that one unmounts it or ends`;
      }
    }
    if (now - begun > patience) {
      throw new MountError(`${mountpoint} is unmounted, but its process ${pid} has not ended yet; see ${log ?? 'what it says'}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  return undefined;
}

function stateRemains(found: FoundState): boolean {
  return findStates().some((each) => each.directory === found.directory);
}
