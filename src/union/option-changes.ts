// Options that change while the union is mounted (aufs(5), "remount").

import { releaseBranch, setPlinkDirectory } from './whiteout.js';
import { beginWriting } from './begin-writing.js';
import { type Branch, UnionError } from './branch.js';
import type { UnionOptions } from './options.js';
import { flushPseudoLinks } from './pseudo-link-flush.js';
import { flushRenamed } from './rename-record.js';
import { mayEndWriting, setWritable } from './passed-files.js';
import { openRenamed } from './renamed-directory.js';
import type { UnionState } from './state.js';
import { checkXino } from './xino-file.js';

/**
 * Puts changed options in force; all of them or, with a UnionError, none. Returns whether what is known of names
 * must be looked up again.
 */
export function changeOptions(u: UnionState, changes: Partial<UnionOptions>): boolean {
  const before = u.options;
  const next = { ...before, ...changes };
  if (next.xino !== before.xino) checkXino(next);
  checkLasting(before, next);
  for (const branch of u.branches) if (branch.writable && !takesWrites(branch, next)) mayEndWriting(u, branch);
  // While the names can still be made: afterwards the pseudo-links would hold until the unmount (aufs(5), clean_plink).
  if ((next.readonly && !before.readonly) || (before.plink && !next.plink)) flushPseudoLinks(u);
  prepareBranches(u, next);
  for (const branch of u.branches) {
    if (!takesWrites(branch, next)) flushRenamed(branch);
    setWritable(u, branch, takesWrites(branch, next));
  }
  u.options = next;
  for (const branch of u.branches) openRenamed(u, branch);
  if (next.dirren !== before.dirren) return true;
  return next.readonly !== before.readonly || 'udba' in changes || 'shwh' in changes || 'dirperm1' in changes || 'overlayMarks' in changes;
}

/** The kernel keeps the owners it was told, and does not ask again to synchronise once it heard that nothing does. */
function checkLasting(before: UnionOptions, next: UnionOptions): void {
  for (const name of ['uidMapping', 'gidMapping', 'squashUid', 'squashGid', 'volatile'] as const) {
    if (JSON.stringify(next[name]) === JSON.stringify(before[name])) continue;
    throw new UnionError('owners (uidmapping=, gidmapping=, squash_to_…) and volatile cannot be changed while mounted; unmount, and mount anew');
  }
}

function takesWrites(branch: Branch, options: UnionOptions): boolean {
  return branch.spec.perm === 'rw' && !options.readonly;
}

function prepareBranches(u: UnionState, next: UnionOptions): void {
  const prepared: Branch[] = [];
  try {
    for (const branch of u.branches) {
      if (!takesWrites(branch, next)) continue;
      if (branch.orphanDir >= 0) {
        setPlinkDirectory(branch, next.plink);
      } else {
        prepared.push(branch);
        beginWriting(branch, next.plink);
      }
    }
  } catch (error) {
    prepared.forEach(releaseBranch);
    throw error;
  }
}
