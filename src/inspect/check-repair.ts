// Repairs of what check.ts finds.

import { AT, renameat2, unlinkat } from '../posix/directory.js';
import { Errno, must } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { nameFromText } from '../posix/name.js';
import { fchmod } from '../posix/attributes.js';
import { temporaryName } from '../union/copyup.js';
import { WHITEOUT_PREFIX } from '../union/name.js';
import { removeTree } from '../union/remove-tree.js';
import { shownName } from '../layers/error.js';
import type { Problem } from './check.js';
import { InspectError } from './error.js';

/** Which of a name and its whiteout goes, and whether the other problems are repaired. */
export interface RepairChoice {
  beside: 'whiteout' | 'real' | 'skip';
  rest: boolean;
}

/** What the choice does about a problem: the path that is removed or replaced; null for nothing. */
export function planOf(problem: Problem, choice: RepairChoice): { action: 'remove' | 'replace'; path: string } | null {
  if (problem.repair === null) return null;
  if (problem.repair !== 'choose') return choice.rest ? { action: problem.repair, path: problem.path } : null;
  if (choice.beside === 'skip') return null;
  return { action: 'remove', path: choice.beside === 'whiteout' ? problem.path : hiddenPath(problem.path) };
}

function hiddenPath(mark: string): string {
  const slash = mark.lastIndexOf('/') + 1;
  return mark.slice(0, slash) + mark.slice(slash + WHITEOUT_PREFIX.length);
}

/** Carries a plan out on a branch. Throws InspectError. */
export function repair(branch: string, { action, path }: { action: 'remove' | 'replace'; path: string }): void {
  try {
    const parts = path.split('/');
    const name = parts.pop()!;
    const dirfd = openBelow(branch, parts);
    try {
      if (action === 'remove') removeTree(dirfd, name);
      else replaceByEmpty(dirfd, name);
    } finally {
      close(dirfd);
    }
  } catch (error) {
    throw error instanceof Errno ? new InspectError(`${branch}/${shownName(path)}: ${error.message}`) : error;
  }
}

/** Name by name and never through a symbolic link. */
function openBelow(branch: string, parts: readonly string[]): number {
  let fd = must(openat(AT.FDCWD, nameFromText(branch), O.RDONLY | O.DIRECTORY, 0));
  for (const part of parts) {
    const next = openat(fd, part, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
    close(fd);
    fd = must(next);
  }
  return fd;
}

/** At no moment is the mark not there: what it hides must not show. */
function replaceByEmpty(dirfd: number, name: string): void {
  const temporary = temporaryName();
  const fd = must(openat(dirfd, temporary, O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW, 0o444));
  fchmod(fd, 0o444);
  close(fd);
  const result = renameat2(dirfd, temporary, dirfd, name, 0);
  if (result < 0) unlinkat(dirfd, temporary, 0);
  must(result);
}
