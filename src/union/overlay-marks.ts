// Whiteouts and opaque marks as overlayfs and fuse-overlayfs write them, for layers that they wrote: a whiteout of NAME
// is a character device 0:0 called NAME, an opaque directory has an extended attribute whose value is `y`. They count
// where `u.options.overlayMarks` says so, beside AUFS's own. We write AUFS's only: fuse-overlayfs, and whatever
// unpacks layers for it, understands them.

import { unlinkat } from '../posix/directory.js';
import { allocate } from '../posix/memory.js';
import { S, Stat, statat } from '../posix/stat.js';
import { fgetxattr, flistxattr } from '../posix/xattr.js';
import type { Branch } from './branch.js';
import type { UnionState } from './state.js';
import { isOpaque, makeWhiteout } from './whiteout.js';

const st = new Stat();
const listing = allocate(65536);
const value = allocate(8);

/** Of root's overlayfs, of a user's (userxattr), of a fuse-overlayfs that has neither. */
const OPAQUE = ['trusted.overlay.opaque', 'user.overlay.opaque', 'user.fuseoverlayfs.opaque'];
const Y = 0x79;

/** What overlayfs keeps for itself. */
export function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.') || name.startsWith('user.fuseoverlayfs.');
}

export function isWhiteoutDevice(stat: Stat): boolean {
  return (stat.mode & S.IFMT) === S.IFCHR && isWhiteoutNumber(stat.rdevMajor, stat.rdevMinor);
}

export function isWhiteoutNumber(major: number, minor: number): boolean {
  return major === 0 && minor === 0;
}

export function isWhiteoutAt(dirfd: number, name: string): boolean {
  return statat(dirfd, name, st) >= 0 && isWhiteoutDevice(st);
}

/** Whether a directory on a branch hides what lies below it. */
export function hidesBelow(u: UnionState, fd: number): boolean {
  return isOpaque(fd) || (u.options.overlayMarks && hasOpaqueXattr(fd));
}

function hasOpaqueXattr(fd: number): boolean {
  // Nearly every directory has no attributes at all: one call tells.
  const length = flistxattr(fd, listing.address, listing.length);
  if (length <= 0) return false;
  const names = listing.bytes.latin1Slice(0, length - 1).split('\0');
  return OPAQUE.some((name) => names.includes(name) && fgetxattr(fd, name, value.address, value.length) === 1 && value.bytes[0] === Y);
}

/** Where a name is to be made on a branch: a device in its place becomes the whiteout that we would have made. */
export function adoptWhiteout(u: UnionState, branch: Branch, dirfd: number, name: string): void {
  if (!u.options.overlayMarks || !isWhiteoutAt(dirfd, name)) return;
  // In this order: at no moment nothing hides the name.
  makeWhiteout(branch, dirfd, name);
  unlinkat(dirfd, name, 0);
}
