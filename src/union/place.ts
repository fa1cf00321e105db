// Where a node is found on the branch it is seen on: by a descriptor (directories, removed files), or by the
// descriptor of its directory and its name.

import { Errno, E } from '../posix/errno.js';
import { O, openat } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { type Stat, fstat, statat } from '../posix/stat.js';
import type { InodeAt } from './copy-attributes.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';

const at: InodeAt = { fd: -1, name: '' };

/** The node's place; name '' means the descriptor itself. The answer is reused by the next call. */
export function placeOf(u: UnionState, node: Node): InodeAt {
  at.name = '';
  if (node.removed) at.fd = anchorOf(node);
  else if (node.isDirectory) at.fd = u.directory(node, 0);
  else {
    at.fd = u.directoryOn(node.parent as Node, node.top);
    at.name = node.name;
  }
  return at;
}

export function anchorOf(node: Node): number {
  if (node.anchor < 0) throw new Errno(E.ESTALE);
  return node.anchor;
}

/** The branch's attributes of the node. Throws ESTALE for a file that somebody removed directly. */
export function statNode(u: UnionState, node: Node, out: Stat): void {
  const place = placeOf(u, node);
  const result = place.name === '' ? fstat(place.fd, out) : statat(place.fd, place.name, out);
  if (result < 0) throw new Errno(result === -E.ENOENT ? E.ESTALE : -result);
}

/** Opens the node itself, with a descriptor of the caller's own. Returns it or -errno. */
export function openNode(u: UnionState, node: Node, flags: number): number {
  return openAt(placeOf(u, node), flags);
}

export function openAt(place: InodeAt, flags: number): number {
  if (place.name !== '') return openat(place.fd, place.name, flags | O.NOFOLLOW, 0);
  // The magic link leads to the inode itself, which is a directory or a removed file: no symlink of a user's.
  return openat(AT.FDCWD, `/proc/self/fd/${String(place.fd)}`, flags, 0);
}
