// Extended attributes (and POSIX ACLs, which are two of them): read where the file is seen, changed after copy-up.

import { E, Errno, must } from '../posix/errno.js';
import { allocate, copyMemory } from '../posix/memory.js';
import { XATTR_MAX, fgetxattr, flistxattr, fremovexattr, fsetxattr, llistxattrat } from '../posix/xattr.js';
import { S, fstat } from '../posix/stat.js';
import { makeWritable } from './copyup.js';
import { setMode } from './mode.js';
import type { Node } from './node.js';
import { isOverlayXattr } from './overlay-marks.js';
import { isAcl } from './owners.js';
import { holdOpen, letGo, placeOf } from './place.js';
import type { UnionState } from './state.js';

const block = allocate(XATTR_MAX);

/**
 * getxattr(2) into memory at `address`; size 0 asks for the length. Returns the length, or -ENODATA: not thrown, because
 * the kernel asks each file that is written to for one that most have not, and an exception costs as much as the write.
 */
export function getxattr(u: UnionState, node: Node, name: string, address: number, size: number): number {
  if (isKeptBack(u, name)) return -E.ENODATA;
  u.refresh(node);
  // The kernel decides by ACLs and capabilities: they must be this file's. It asks for the capabilities of every new file
  // before the first write to it (18 µs by name, 2 by the descriptor that is open).
  const held = holdOpen(u, node);
  try {
    const length = fgetxattr(held.fd, name, address, size);
    if (length === -E.ENODATA) return length;
    must(length);
    if (u.owners !== null && isAcl(name) && size > 0) {
      copyMemory(block.address, address, length);
      u.owners.showAcl(block.bytes.subarray(0, length));
      copyMemory(address, block.address, length);
    }
    return length;
  } finally {
    letGo(held);
  }
}

/** `killSgid`: an ACL set by one who is not in the file's group takes the set-gid bit (FUSE_SETXATTR_ACL_KILL_SGID). */
export function setxattr(
  u: UnionState, node: Node, name: string, address: number, size: number, flags: number, killSgid: boolean,
): void {
  if (isKeptBack(u, name)) throw new Errno(E.EPERM);
  u.refresh(node);
  u.watch?.own.attributes(node);
  const held = makeWritable(u, node);
  try {
    must(fsetxattr(held.fd, name, forBranch(u, name, address, size), size, flags));
    if (!killSgid) return;
    must(fstat(held.fd, u.scratch));
    if (u.scratch.mode & S.ISGID) setMode(u, node, held.fd, u.scratch.mode & 0o7777 & ~S.ISGID);
  } finally {
    letGo(held);
  }
}

/** The address of a value with the owners that it has on the branch. */
function forBranch(u: UnionState, name: string, address: number, size: number): number {
  if (u.owners === null || !isAcl(name) || size > block.length) return address;
  copyMemory(block.address, address, size);
  u.owners.takeAcl(block.bytes.subarray(0, size));
  return block.address;
}

export function listxattr(u: UnionState, node: Node, address: number, size: number): number {
  u.refresh(node);
  const { fd, name: at } = placeOf(u, node);
  if (u.options.overlayMarks) return listOthers(fd, at, address, size);
  return must(at === '' ? flistxattr(fd, address, size) : llistxattrat(fd, at, address, size));
}

/** All but those that overlayfs keeps for itself. */
function listOthers(fd: number, at: string, address: number, size: number): number {
  const all = must(at === '' ? flistxattr(fd, block.address, block.length) : llistxattrat(fd, at, block.address, block.length));
  if (all === 0) return 0;
  const names = block.bytes.latin1Slice(0, all).split('\0').filter((name) => name !== '' && !isOverlayXattr(name));
  const length = block.bytes.latin1Write(names.map((name) => `${name}\0`).join(''));
  if (size === 0) return length;
  if (length > size) throw new Errno(E.ERANGE);
  copyMemory(address, block.address, length);
  return length;
}

export function removexattr(u: UnionState, node: Node, name: string): void {
  if (isKeptBack(u, name)) throw new Errno(E.ENODATA);
  u.refresh(node);
  u.watch?.own.attributes(node);
  const held = makeWritable(u, node);
  try {
    must(fremovexattr(held.fd, name));
  } finally {
    letGo(held);
  }
}

/** overlayfs's own are not a user's: they would say things of his file that are not so. */
function isKeptBack(u: UnionState, name: string): boolean {
  return u.options.overlayMarks && isOverlayXattr(name);
}
