// getattr and setattr: a change copies up first, then goes to the branch.

import { E, Errno, must } from '../posix/errno.js';
import { UTIME, fchown, fchownat, futimens, utimensat } from '../posix/attributes.js';
import { O, close, ftruncate } from '../posix/file.js';
import { Stat, fstat } from '../posix/stat.js';
import { copyUp, makeWritable } from './copyup.js';
import { type FileHandle, writableDescriptor } from './file-handle.js';
import { killSuidgid, setMode } from './mode.js';
import type { Node } from './node.js';
import { reconsider } from './permission.js';
import { openNode, placeOf, statNode } from './place.js';
import { copyUpBranch } from './policy.js';
import { fillAttributes } from './shown.js';
import type { UnionState } from './state.js';

/** Which attributes to change; the bits are FUSE's FATTR_*. */
export const SET = {
  MODE: 1,
  UID: 2,
  GID: 4,
  SIZE: 8,
  ATIME: 16,
  MTIME: 32,
  ATIME_NOW: 128,
  MTIME_NOW: 256,
  CTIME: 1024,
  KILL_SUIDGID: 2048,
} as const;

export interface SetAttr {
  valid: number;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
}

/** The union's attributes of a node. Throws ESTALE where the branch has lost it. */
export function getattr(u: UnionState, node: Node, handle: FileHandle | null, out: Stat): void {
  u.refresh(node);
  if (handle !== null && handle.branch === node.top) must(fstat(handle.fd, out));
  else statNode(u, node, out);
  fillAttributes(u, node, out);
}

/** What a change of attributes can change. */
const ANYTHING = SET.MODE | SET.UID | SET.GID | SET.SIZE | SET.ATIME | SET.MTIME;

/** Changes attributes and returns the new ones in `out`. Throws EROFS where nothing takes the copy. */
export function setattr(u: UnionState, node: Node, handle: FileHandle | null, change: SetAttr, out: Stat): void {
  u.refresh(node);
  const { valid } = change;
  u.watch?.ownAttributes(node);
  if (valid & SET.SIZE) setSize(u, node, handle, change.size);
  else makeWritable(u, node);
  // chown(2) to nobody else is asked for as no change at all: it still takes set-id bits away, and is a change of the inode.
  if (valid & (SET.UID | SET.GID) || !(valid & ANYTHING)) setOwner(u, node, change);
  if (valid & SET.MODE) setMode(u, node, change.mode & 0o7777);
  else if (valid & SET.KILL_SUIDGID && valid & SET.SIZE) killSuidgid(u, node);
  if (valid & (SET.ATIME | SET.MTIME)) setTimes(u, node, change);
  node.writtenHere = true;
  if (node.layers.length > 1 && valid & (SET.MODE | SET.UID | SET.GID)) reconsider(u, node);
  getattr(u, node, handle, out);
}

function setSize(u: UnionState, node: Node, handle: FileHandle | null, size: number): void {
  if (node.isDirectory) throw new Errno(E.EISDIR);
  if (!node.top.writable) {
    const before = node.removed ? -1 : sizeOf(u, node);
    copyUp(u, node, copyUpBranch(u, node.parent, node.top), { size });
    // As AUFS: an empty copy is what was asked for already, and keeps its time. A shorter one has the time of now.
    if (size === 0 || size < before) return;
  }
  const own = handle === null ? -1 : writableDescriptor(u, handle);
  if (own >= 0) return void must(ftruncate(own, size));
  const fd = must(openNode(u, node, O.WRONLY | O.NONBLOCK));
  try {
    must(ftruncate(fd, size));
  } finally {
    close(fd);
  }
}

const sized = new Stat();

function sizeOf(u: UnionState, node: Node): number {
  statNode(u, node, sized);
  return sized.size;
}

function setOwner(u: UnionState, node: Node, { valid, uid, gid }: SetAttr): void {
  const place = placeOf(u, node);
  const newUid = valid & SET.UID ? uid : -1;
  const newGid = valid & SET.GID ? gid : -1;
  must(place.name === '' ? fchown(place.fd, newUid, newGid) : fchownat(place.fd, place.name, newUid, newGid));
}

function setTimes(u: UnionState, node: Node, change: SetAttr): void {
  const { valid } = change;
  const atimeNsec = !(valid & SET.ATIME) ? UTIME.OMIT : valid & SET.ATIME_NOW ? UTIME.NOW : change.atimeNsec;
  const mtimeNsec = !(valid & SET.MTIME) ? UTIME.OMIT : valid & SET.MTIME_NOW ? UTIME.NOW : change.mtimeNsec;
  const place = placeOf(u, node);
  must(
    place.name === ''
      ? futimens(place.fd, change.atime, atimeNsec, change.mtime, mtimeNsec)
      : utimensat(place.fd, place.name, change.atime, atimeNsec, change.mtime, mtimeNsec),
  );
}
