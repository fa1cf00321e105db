// A branch that begins or ends to take writes while files on it are passed through to the kernel (file-handle.ts).

import { O } from '../posix/file.js';
import { type Branch, UnionError } from './branch.js';
import type { UnionState } from './state.js';

/**
 * Throws UnionError where the kernel writes to files of the branch itself: it cannot be turned away from them. In AUFS
 * such a writer goes on, and his next write copies the file up; so it does here with passthrough=none.
 */
export function mayEndWriting(u: UnionState, branch: Branch): void {
  const paths = new Set<string>();
  for (const handle of u.files.all()) {
    const writes = (handle.flags & O.ACCMODE) !== O.RDONLY;
    if (handle.passed && handle.branch === branch && writes) paths.add(handle.node.path());
  }
  if (paths.size === 0) return;
  throw new UnionError(`branch ${branch.path} is busy: ${someOf(paths)} open for writing; close it, or mount with passthrough=none`);
}

/** The branch takes writes from now on, or no more. Who reads a file of it past us misses a copy-up. */
export function setWritable(u: UnionState, branch: Branch, writable: boolean): void {
  if (branch.writable === writable) return;
  branch.writable = writable;
  for (const handle of u.files.all()) {
    if (handle.passed && handle.branch === branch) u.leftBehind.count(handle.node, writable ? -1 : 1);
  }
}

/** Names for a message, five at most. */
export function someOf(paths: ReadonlySet<string>): string {
  const more = paths.size > 5 ? ` and ${String(paths.size - 5)} more` : '';
  return [...paths].slice(0, 5).join(', ') + more;
}
