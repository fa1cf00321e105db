import { parseRemountOptions } from '../options/remount.js';
import { callControl } from './control.js';
import { MountError } from './error.js';
import { mountAt, mountType } from './mount-table.js';
import { resolveMountpoint } from './mountpoint.js';
import type { RemountReport } from './remount.js';
import { findStates, type FoundState } from './state.js';
import { encodeSteps } from './steps.js';

export interface RemountedPath extends RemountReport {
  mountpoint: string;
}

/**
 * Changes a mounted union by its mount point, whichever process serves it.
 * @param texts those of `-o`, in order
 * @throws OptionError, with nothing changed; MountError not mounted, not permitted, or what the mount answers
 */
export async function remountPath(written: string, texts: readonly string[], cwd = process.cwd()): Promise<RemountedPath> {
  const mountpoint = resolveMountpoint(written, cwd);
  const found = findRunning(mountpoint);
  const { steps, warnings } = parseRemountOptions(texts, describe(found), cwd);
  const report = await callControl(found.directory, { command: 'remount', steps: encodeSteps(steps) }) as RemountReport;
  return { mountpoint, notes: [...warnings, ...report.notes], output: report.output };
}

function findRunning(mountpoint: string): FoundState {
  const there = mountAt(mountpoint);
  if (there === undefined) throw new MountError(`${mountpoint} is not mounted`);
  if (there.type !== mountType) throw new MountError(`${mountpoint} is mounted, but not by tsaufs`);
  const found = findStates().findLast(({ state }) => state.mountpoint === mountpoint);
  if (found === undefined) throw new MountError(`${mountpoint} is another user's; only who mounted it can change it`);
  if (!found.alive) {
    throw new MountError(`${mountpoint}: its process ${found.state.pid} is dead; remove it with tsaufs umount ${mountpoint}`);
  }
  return found;
}

function describe({ state, branches }: FoundState): { readonly: boolean; branches: string[] } {
  return {
    readonly: state.options.split(',')[0] === 'ro',
    branches: branches.map(({ text }) => text.slice(0, text.lastIndexOf('='))),
  };
}
