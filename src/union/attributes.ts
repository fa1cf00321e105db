// getattr and setattr: a change copies up first, then goes to the branch.

import { E, Errno, must } from '../posix/errno.js';
import { UTIME, fchown, futimens } from '../posix/attributes.js';
import { O, close, ftruncate } from '../posix/file.js';
import { S, Stat, fstat } from '../posix/stat.js';
import { copyUp, makeWritable } from './copyup.js';
import { type FileHandle, writableDescriptor } from './file-handle.js';
import { killSuidgid, setMode } from './mode.js';
import type { Node } from './node.js';
import { reconsider } from './permission.js';
import { type Held, holdOpen, letGo, openNode, statNode } from './place.js';
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

/** The arguments of SETATTR. `valid`: which of them count, see SET. */
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
  u.watch?.own.attributes(node);
  if (valid & SET.SIZE) {
    setSize(u, node, handle, change);
    if (valid & ~SET.SIZE) setOthers(u, node, change, holdOpen(u, node));
  } else setOthers(u, node, change, makeWritable(u, node));
  node.writtenHere = true;
  if (node.layers.length > 1 && valid & (SET.MODE | SET.UID | SET.GID)) reconsider(u, node);
  getattr(u, node, handle, out);
}

function setSize(u: UnionState, node: Node, handle: FileHandle | null, { valid, size }: SetAttr): void {
  if (node.isDirectory) throw new Errno(E.EISDIR);
  if (!node.top.writable) {
    const before = node.removed ? -1 : sizeOf(u, node);
    copyUp(u, node, copyUpBranch(u, node.parent, node.top), { size, killSuidgid: (valid & SET.KILL_SUIDGID) !== 0 });
    // As AUFS: an empty copy is what was asked for already, and keeps its time. A shorter one has the time of now.
    if (size === 0 || size < before) return;
  }
  const own = handle === null ? -1 : writableDescriptor(u, handle);
  if (own >= 0) return void must(ftruncate(own, size));
  const fd = must(openNode(u, node, O.WRONLY));
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

/** What needs no descriptor for writing. `held` is given back. */
function setOthers(u: UnionState, node: Node, change: SetAttr, held: Held): void {
  const { valid } = change;
  const { fd } = held;
  try {
    // chown(2) to nobody else is asked for as no change at all: it still takes set-id bits away, and is a change of the inode.
    if (valid & (SET.UID | SET.GID) || (!(valid & ANYTHING) && mayTakeSetId(u, fd))) setOwner(fd, change);
    if (valid & SET.MODE) setMode(u, node, fd, change.mode & 0o7777);
    else if (valid & SET.KILL_SUIDGID && valid & SET.SIZE) killSuidgid(u, node, fd);
    if (valid & (SET.ATIME | SET.MTIME)) setTimes(fd, change);
  } finally {
    letGo(held);
  }
}

/**
 * The kernel lets everybody ask a FUSE file system for no change; elsewhere only the owner takes set-id bits away so.
 * No error: it asks the same before a write, which says itself what it takes.
 */
function mayTakeSetId(u: UnionState, fd: number): boolean {
  must(fstat(fd, u.scratch));
  const { mode, uid } = u.scratch;
  const hasSetId = (mode & S.ISUID) !== 0 || (mode & (S.ISGID | 0o010)) === (S.ISGID | 0o010);
  const { caller } = u;
  return !hasSetId || (mode & S.IFMT) === S.IFDIR || caller.uid === 0 || caller.uid === uid;
}

function setOwner(fd: number, { valid, uid, gid }: SetAttr): void {
  must(fchown(fd, valid & SET.UID ? uid : -1, valid & SET.GID ? gid : -1));
}

function setTimes(fd: number, change: SetAttr): void {
  const { valid } = change;
  const atimeNsec = !(valid & SET.ATIME) ? UTIME.OMIT : valid & SET.ATIME_NOW ? UTIME.NOW : change.atimeNsec;
  const mtimeNsec = !(valid & SET.MTIME) ? UTIME.OMIT : valid & SET.MTIME_NOW ? UTIME.NOW : change.mtimeNsec;
  must(futimens(fd, change.atime, atimeNsec, change.mtime, mtimeNsec));
}
