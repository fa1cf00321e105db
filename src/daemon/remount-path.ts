import { parseRemountOptions } from '../options/remount.js';
import { callControl } from './control.js';
import { findRunning } from './find-running.js';
import { resolveMountpoint } from './mountpoint.js';
import type { RemountReport } from './remount.js';
import type { FoundState } from './state.js';
import { encodeSteps } from './steps.js';

export interface RemountedPath extends RemountReport {
  mountpoint: string;
}

export interface RemountPathWay {
  /** What relative paths are relative to; the working directory if not given. */
  cwd?: string;
  /** Unknown options are warnings. */
  sloppy?: boolean;
  /** The options are checked, nothing is changed. */
  dryRun?: boolean;
}

/**
 * Changes a mounted union by its mount point, whichever process serves it.
 * @param texts those of `-o`, in order
 * @throws OptionError, with nothing changed; MountError not mounted, not permitted, or what the mount answers
 */
export async function remountPath(written: string, texts: readonly string[], way: RemountPathWay = {}): Promise<RemountedPath> {
  const cwd = way.cwd ?? process.cwd();
  const mountpoint = resolveMountpoint(written, cwd);
  const found = findRunning(mountpoint);
  const { steps, warnings } = parseRemountOptions(texts, describe(found), cwd, way.sloppy);
  if (way.dryRun) return { mountpoint, notes: warnings, output: [] };
  const report = await callControl(found.directory, { command: 'remount', steps: encodeSteps(steps) }) as RemountReport;
  return { mountpoint, notes: [...warnings, ...report.notes], output: report.output };
}

function describe({ state, branches }: FoundState): { readonly: boolean; branches: string[] } {
  return {
    readonly: state.options.split(',')[0] === 'ro',
    branches: branches.map(({ text }) => text.slice(0, text.lastIndexOf('='))),
  };
}
