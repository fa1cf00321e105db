import { readlinkSync } from 'node:fs';
import type { BranchSpec } from '../union/options.js';
import type { Log } from './log.js';
import { mountAt, mountType } from './mount-table.js';
import { isAlive } from './process.js';
import { findState, findStates, type FoundState } from './state.js';

/** How long a process may take to end, in milliseconds; one whose mount was detached in use can take forever. */
const patience = 10_000;
const pause = 5;

/**
 * Waits until the processes are over that wrote to the same branches for mounts which are no more: umount(8) returns before
 * they have made pseudo-links real and put down which directories are renamed, and what is mounted then would miss it.
 */
export async function outlastFormerMounts(branches: readonly BranchSpec[], log: Log): Promise<void> {
  const paths = new Set(branches.map((branch) => branch.path));
  const deadline = Date.now() + patience;
  for (const found of findStates().filter((each) => isEnding(each) && wroteTo(each, paths))) {
    while (isAlive(found.state) && findState(found.directory) !== undefined) {
      if (Date.now() > deadline) {
        log('warn', 'a union that is no longer mounted still uses a branch of this one', { pid: found.state.pid, mountpoint: found.state.mountpoint });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Whether the mount is no more but its process is; what another mount namespace has mounted cannot be known. */
function isEnding({ state, alive }: FoundState): boolean {
  return alive && state.pid !== process.pid && mountAt(state.mountpoint)?.type !== mountType && sharesMounts(state.pid);
}

function sharesMounts(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt');
  } catch {
    return false;
  }
}

function wroteTo({ branches }: FoundState, paths: ReadonlySet<string>): boolean {
  return branches.some(({ text }) => {
    const mode = text.lastIndexOf('=');
    return text.startsWith('=rw', mode) && paths.has(text.slice(0, mode));
  });
}
