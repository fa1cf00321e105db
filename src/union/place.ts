// Where a node is found on the branch it is seen on: by a descriptor (directories, removed files), or by the
// descriptor of its directory and its name.

import { Errno, E } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { Stat, fstat, statat } from '../posix/stat.js';
import type { InodeAt } from './copy-attributes.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';
import { unionInode } from './xino.js';

const at: InodeAt = { fd: -1, name: '' };

/** The node's place; name '' means the descriptor itself. The answer is reused by the next call. */
export function placeOf(u: UnionState, node: Node): InodeAt {
  at.name = '';
  if (node.removed) at.fd = anchorOf(node);
  else if (node.isDirectory) at.fd = u.directory(node, 0);
  else {
    if (node.links !== null) settleOnName(u, node);
    at.fd = u.directoryOn(node.parent as Node, node.top);
    at.name = node.name;
  }
  return at;
}

export function anchorOf(node: Node): number {
  if (node.anchor < 0) throw new Errno(E.ESTALE);
  return node.anchor;
}

/**
 * The branch's attributes of the node, never those of another file that was put under its name: the kernel decides by
 * them who may open it. Throws ESTALE for a file that somebody removed or replaced directly.
 */
export function statNode(u: UnionState, node: Node, out: Stat): void {
  const { fd, name } = placeOf(u, node);
  const result = name === '' ? fstat(fd, out) : statat(fd, name, out);
  if (name === '' ? result >= 0 : result >= 0 && isInode(node, out)) return;
  const open = openDescriptor(u, node);
  if (open >= 0 && fstat(open, out) >= 0) return;
  throw new Errno(result >= 0 || result === -E.ENOENT ? E.ESTALE : -result);
}

/** Whether attributes are the node's own inode's. With noxino nobody knows of a copy. */
function isInode(node: Node, st: Stat): boolean {
  return unionInode(node.top, st) === node.ino || node.top.home.inodes.forgets;
}

/** A descriptor of the node's inode that somebody has open, or -1. */
function openDescriptor(u: UnionState, node: Node): number {
  const { opened } = node;
  if (opened !== null && opened.node === node && opened.branch === node.top) return opened.fd;
  if (node.handles === 0 || node.isDirectory) return -1;
  for (const handle of u.files.all()) if (handle.node === node && handle.branch === node.top) return handle.fd;
  return -1;
}

/** A descriptor of a node's inode, for a change: `own` if it is to be closed. */
export interface Held extends InodeAt {
  readonly own: boolean;
}

/**
 * The node's inode by descriptor (O_PATH). The kernel has checked permissions for this inode: what is changed, read or
 * linked must not be another that whoever owns the directory put under the name since. `letGo` afterwards.
 * Throws ESTALE where another is there; then the kernel looks the name up again.
 */
export function hold(u: UnionState, node: Node): Held {
  const { fd, name } = placeOf(u, node);
  if (name === '') return { fd, name, own: false };
  const opened = openat(fd, name, O.PATH | O.NOFOLLOW, 0);
  if (opened >= 0) {
    if (fstat(opened, st) >= 0 && isInode(node, st)) return { fd: opened, name: '', own: true };
    close(opened);
  }
  const open = openDescriptor(u, node);
  if (open >= 0) return { fd: open, name: '', own: false };
  throw new Errno(opened >= 0 || opened === -E.ENOENT ? E.ESTALE : -opened);
}

/** The same for a look that needs nothing of the path: by what somebody has open, if it can be. */
export function holdOpen(u: UnionState, node: Node): Held {
  const open = node.opened === null ? -1 : openDescriptor(u, node);
  return open < 0 ? hold(u, node) : { fd: open, name: '', own: false };
}

export function letGo(held: Held): void {
  if (held.own) close(held.fd);
}

/** One of a file's names may have been removed directly: another that is left becomes its place. */
function settleOnName(u: UnionState, node: Node): void {
  if (node.parent !== null && leadsTo(u, node, node.parent, node.name)) return;
  for (const { parent, name } of node.links ?? []) {
    if (leadsTo(u, node, parent, name)) return void node.setPlace(parent, name, false);
  }
}

const st = new Stat();

function leadsTo(u: UnionState, node: Node, parent: Node, name: string): boolean {
  const layer = parent.removed ? -1 : parent.layerOf(node.top);
  return layer >= 0 && statat(u.directory(parent, layer), name, st) >= 0 && isInode(node, st);
}

/**
 * Opens a file itself, with a descriptor of the caller's own, and no other that was put under its name. Returns it or
 * -errno; its attributes are in `out` then. Not to be truncated by `flags`.
 */
export function openNode(u: UnionState, node: Node, flags: number, out: Stat = st): number {
  const place = placeOf(u, node);
  // Without waiting: it may be a fifo by now, or under somebody's lease.
  const fd = openAt(place, flags | O.NONBLOCK | O.NOCTTY);
  if (fd < 0) return fd;
  if (fstat(fd, out) >= 0 && (place.name === '' || isInode(node, out))) return fd;
  close(fd);
  return -E.ESTALE;
}

export function openAt(place: InodeAt, flags: number): number {
  if (place.name !== '') return openat(place.fd, place.name, flags | O.NOFOLLOW, 0);
  // The magic link leads to the inode itself, which is a directory or a removed file: no symlink of a user's.
  return openat(AT.FDCWD, `/proc/self/fd/${String(place.fd)}`, flags, 0);
}
