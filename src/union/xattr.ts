// Extended attributes (and POSIX ACLs, which are two of them): read where the file is seen, changed after copy-up.

import { must } from '../posix/errno.js';
import { fgetxattr, flistxattr, fremovexattr, fsetxattr, llistxattrat } from '../posix/xattr.js';
import { S, fstat } from '../posix/stat.js';
import { makeWritable } from './copyup.js';
import { setMode } from './mode.js';
import type { Node } from './node.js';
import { hold, letGo, placeOf } from './place.js';
import type { UnionState } from './state.js';

/** getxattr(2) into memory at `address`; size 0 asks for the length. Returns the length. */
export function getxattr(u: UnionState, node: Node, name: string, address: number, size: number): number {
  u.refresh(node);
  // The kernel decides by ACLs and capabilities: they must be this file's.
  const held = hold(u, node);
  try {
    return must(fgetxattr(held.fd, name, address, size));
  } finally {
    letGo(held);
  }
}

/** `killSgid`: an ACL set by one who is not in the file's group takes the set-gid bit (FUSE_SETXATTR_ACL_KILL_SGID). */
export function setxattr(
  u: UnionState, node: Node, name: string, address: number, size: number, flags: number, killSgid: boolean,
): void {
  u.refresh(node);
  u.watch?.ownAttributes(node);
  makeWritable(u, node);
  const held = hold(u, node);
  try {
    must(fsetxattr(held.fd, name, address, size, flags));
    if (!killSgid) return;
    must(fstat(held.fd, u.scratch));
    if (u.scratch.mode & S.ISGID) setMode(u, node, held.fd, u.scratch.mode & 0o7777 & ~S.ISGID);
  } finally {
    letGo(held);
  }
}

export function listxattr(u: UnionState, node: Node, address: number, size: number): number {
  u.refresh(node);
  const { fd, name: at } = placeOf(u, node);
  return must(at === '' ? flistxattr(fd, address, size) : llistxattrat(fd, at, address, size));
}

export function removexattr(u: UnionState, node: Node, name: string): void {
  u.refresh(node);
  u.watch?.ownAttributes(node);
  makeWritable(u, node);
  const held = hold(u, node);
  try {
    must(fremovexattr(held.fd, name));
  } finally {
    letGo(held);
  }
}
