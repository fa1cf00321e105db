// Mode bits of a node that is where it may be changed.

import { must } from '../posix/errno.js';
import { fchmod, fchmodat } from '../posix/attributes.js';
import { S } from '../posix/stat.js';
import type { Node } from './node.js';
import { placeOf, statNode } from './place.js';
import type { UnionState } from './state.js';

export function setMode(u: UnionState, node: Node, mode: number): void {
  u.watch?.ownAttributes(node);
  const place = placeOf(u, node);
  must(place.name === '' ? fchmod(place.fd, mode) : fchmodat(place.fd, place.name, mode));
}

/**
 * Set-id bits go when somebody without CAP_FSETID changes the content: the kernel leaves that to us
 * (FUSE_HANDLE_KILLPRIV_V2), and the branch's kernel does not do it for root.
 */
export function killSuidgid(u: UnionState, node: Node): void {
  const st = u.scratch;
  statNode(u, node, st);
  const mode = st.mode & 0o7777;
  // A set-gid bit without group execute is a lock mark, not a privilege.
  const kill = (mode & S.ISUID) | ((mode & (S.ISGID | 0o010)) === (S.ISGID | 0o010) ? S.ISGID : 0);
  if (kill !== 0) setMode(u, node, mode & ~kill);
}
