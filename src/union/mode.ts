// Mode bits of a node that is where it may be changed.

import { must } from '../posix/errno.js';
import { fchmod } from '../posix/attributes.js';
import { S, Stat, fstat } from '../posix/stat.js';
import type { Node } from './node.js';
import { isInGroup } from './permission.js';
import type { UnionState } from './state.js';

/** `fd`: any descriptor of the node where it is now. */
export function setMode(u: UnionState, node: Node, fd: number, mode: number): void {
  u.watch?.own.attributes(node);
  must(fchmod(fd, mode));
}

const st = new Stat();

/**
 * Set-id bits go when somebody without CAP_FSETID changes the content: the kernel leaves that to us
 * (FUSE_HANDLE_KILLPRIV_V2), and the branch's kernel does not do it for root.
 */
export function killSuidgid(u: UnionState, node: Node, fd: number): void {
  must(fstat(fd, st));
  const mode = withoutSetId(u, st);
  if (mode !== st.mode) setMode(u, node, fd, mode & 0o7777);
}

/** The mode that a file's content leaves it when the caller changes it. */
export function withoutSetId(u: UnionState, { mode, gid }: Stat): number {
  // Without group execute the set-gid bit is a lock mark, which those of the group keep (Linux 6.2 on).
  const isLock = (mode & S.ISGID) !== 0 && (mode & 0o010) === 0;
  return mode & ~S.ISUID & ~(isLock && isInGroup(u.caller, gid) ? 0 : S.ISGID);
}
