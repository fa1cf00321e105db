// A union that is only looked at: its branches are opened as a mount opens them, but nothing is prepared, recovered or
// written on them. Lookup and policies are the union's own, so what is told here is what a mount does.

import { Errno, must } from '../posix/errno.js';
import { O, openat } from '../posix/file.js';
import { Stat, fstat } from '../posix/stat.js';
import { BranchOpener, UnionError, overlapError } from '../union/branch.js';
import { closeAll, makeRoot } from '../union/first-and-last.js';
import type { UnionOptions } from '../union/options.js';
import { adoptPseudoLinks } from '../union/pseudo-link-recovery.js';
import { openRenamed } from '../union/renamed-directory.js';
import { UnionState } from '../union/state.js';
import { PLINK_DIRECTORY } from '../union/whiteout.js';
import { InspectError } from './error.js';

export interface Look {
  readonly u: UnionState;
  /** What the union would say in its log. */
  readonly warnings: readonly string[];
  close(): void;
}

/**
 * Opens the branches of a union to look at. `device` (`major:minor`) is that of the union's own mount, if it has one: a branch
 * that it lies over cannot be reached by its path. Throws UnionError or InspectError.
 */
export function openLook(options: UnionOptions, device?: string): Look {
  const warnings: string[] = [];
  const u = new UnionState(options, { log: (_, message) => warnings.push(message), event: () => undefined });
  const opener = new BranchOpener(null, true);
  const close = (): void => {
    closeAll(u);
    opener.close();
  };
  try {
    openAll(u, opener, device);
    makeRoot(u);
    for (const branch of u.branches) adoptPseudoLinks(u, branch);
  } catch (error) {
    close();
    throw error instanceof Errno ? new InspectError(`the branches cannot be looked at: ${error.message}`) : error;
  }
  return { u, warnings, close };
}

function openAll(u: UnionState, opener: BranchOpener, device: string | undefined): void {
  const { options } = u;
  const paths: string[] = [];
  const st = new Stat();
  for (const [index, spec] of options.branches.entries()) {
    const overlap = overlapError(paths, spec.path);
    if (overlap !== null) throw new UnionError(overlap);
    paths.push(spec.path);
    const branch = opener.open(spec, index, options.readonly);
    u.branches.push(branch);
    must(fstat(branch.root, st));
    if (`${String(st.devMajor)}:${String(st.devMinor)}` === device) {
      throw new InspectError(`the union is mounted over its own branch ${spec.path}, which cannot be reached below it; mount it elsewhere to look at it`);
    }
  }
  for (const branch of u.branches) {
    openRenamed(u, branch);
    if (!branch.writable || !options.plink) continue;
    const fd = openat(branch.root, PLINK_DIRECTORY, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
    if (fd >= 0) branch.plinkDir = fd;
  }
}
