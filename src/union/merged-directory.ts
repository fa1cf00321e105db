// The merged listing of a directory (AUFS: virtual directory, VDIR): the names of all its layers, each once, less
// those that a whiteout above hides. A handle keeps the listing it began with until it is rewound, so that
// offsets stay right while names come and go.

import { E, Errno, must } from '../posix/errno.js';
import { O, close, fsync, openat } from '../posix/file.js';
import { DT, type DirectoryEntry, readEntries } from '../posix/directory.js';
import { S, type Stat, statat } from '../posix/stat.js';
import { NR } from '../posix/syscall.js';
import type { Branch } from './branch.js';
import { copyUpOnOpen } from './copyup-on-open.js';
import { FIRST_NAME, Listing } from './listing.js';
import { Probe, lookup, nodeOf } from './lookup.js';
import { NAME_LONGEST, WHITEOUT_PREFIX } from './name.js';
import type { Node } from './node.js';
import { isWhiteoutAt } from './overlay-marks.js';
import { PACE } from './pace.js';
import { MAY_READ, mayEnter } from './permission.js';
import { neverSynced, syncAside, synced } from './slow-call.js';
import type { UnionState } from './state.js';

export class DirHandle {
  /** The kernel may keep the listing (FOPEN_CACHE_DIR). */
  cacheable = false;
  listing: Listing | null = null;

  constructor(
    readonly id: number,
    readonly node: Node,
    /** Counted as open on these (EBUSY when a branch is to be deleted). */
    readonly layers: readonly Branch[],
  ) {}
}

type Sink = (name: string, type: number, ino: number, next: number) => boolean;
type PlusSink = (name: string, type: number, ino: number, next: number, node: Node | null) => boolean;

export function opendir(u: UnionState, node: Node): DirHandle {
  u.refresh(node);
  mayEnter(u, node, MAY_READ);
  copyUpOnOpen(u, node);
  node.handles++;
  const { layers } = node;
  for (const branch of layers) branch.opens++;
  return u.directories.add((id) => new DirHandle(id, node, layers));
}

export function releasedir(u: UnionState, handle: DirHandle): void {
  for (const branch of handle.layers) branch.opens--;
  forgetListing(u, handle);
  u.directories.remove(handle.id);
  handle.node.handles--;
  u.nodes.drop(handle.node);
}

/** READDIR from `cookie` on, the position in the listing; 0 begins anew. Stops when `sink` returns false. */
export function readdir(u: UnionState, handle: DirHandle, cookie: number, sink: Sink): void {
  const listing = listingFrom(u, handle, cookie);
  for (let i = cookie; i < listing.count; i++) {
    if (!sink(listing.name(i), listing.type(i), listing.ino(i), i + 1)) return;
  }
}

/** The same into memory, in the records of listing.ts, at most `room` bytes; returns how many. */
export function readdirInto(u: UnionState, handle: DirHandle, cookie: number, to: Buffer, room: number): number {
  return listingFrom(u, handle, cookie).copy(cookie, to, room);
}

/** READDIRPLUS: with the node and attributes of each name; the node is null where only the name is known. */
export function readdirplus(u: UnionState, handle: DirHandle, cookie: number, out: Stat, sink: PlusSink): void {
  const { node } = handle;
  const listing = listingFrom(u, handle, cookie);
  for (let i = cookie; i < listing.count; i++) {
    const name = listing.name(i);
    const child = i < FIRST_NAME ? null : childOf(u, node, listing, i, name, out);
    if (child === undefined) continue;
    if (!sink(name, listing.type(i), child === null ? listing.ino(i) : child.ino, i + 1, child)) {
      // Not handed out: nobody will forget it.
      if (child !== null) u.nodes.drop(child);
      return;
    }
  }
}

const listed = new Probe();

/** The node of a listed name; null for a name that cannot be looked up, undefined if it is gone meanwhile. */
function childOf(u: UnionState, node: Node, listing: Listing, i: number, name: string, out: Stat): Node | null | undefined {
  const branch = listing.branch(i);
  if (name.length > NAME_LONGEST) return null;
  try {
    // The listing tells where a file is seen: one call, where lookup would ask every layer for whiteouts.
    // A directory has to be merged, and a device may have become a whiteout.
    const type = listing.type(i);
    const isFile = type !== DT.DIR && !mayBeDevice(type);
    if (isFile && listing.version === node.version && node.layers.includes(branch)) {
      if (statat(u.directoryOn(node, branch), name, listed.stat) >= 0) {
        listed.type = listed.stat.mode & S.IFMT;
        listed.layers = branch.alone;
        if (listed.type !== S.IFDIR) return nodeOf(u, node, name, listed, out);
      }
    }
    return lookup(u, node, name, out) ?? undefined;
  } catch (error) {
    if (error instanceof Errno) return null;
    throw error;
  }
}

function listingFrom(u: UnionState, handle: DirHandle, cookie: number): Listing {
  if (cookie !== 0 && handle.listing !== null) return handle.listing;
  forgetListing(u, handle);
  const listing = list(u, handle.node);
  u.listings.hold(listing.count);
  return (handle.listing = listing);
}

function forgetListing(u: UnionState, handle: DirHandle): void {
  if (handle.listing !== null) u.listings.hold(-handle.listing.count);
  handle.listing = null;
}

/** Reads all layers of a directory. A directory that was removed is empty. Throws ENOMEM where names are too many. */
export function list(u: UnionState, node: Node): Listing {
  u.refresh(node);
  const { layers } = node;
  const listing = new Listing(node.version, layers, node.ino, (node.parent ?? node).ino);
  if (node.removed) return listing;
  const hidden = new Set<string>();
  const seen = new Set<string>();
  const marks = u.options.overlayMarks;
  for (let i = 0; i < layers.length; i++) {
    const branch = layers[i];
    const start = listing.count;
    const whiteouts: string[] = [];
    const marked = marks && branch.whiteouts;
    const isLast = i === layers.length - 1;
    let read = 0;
    readLayer(u, node, i, (entry) => {
      if ((++read & 1023) === 0) u.listings.check(start + read);
      if (entry.begins(WHITEOUT_PREFIX)) {
        // AUFS's own entries, and what would be the whiteout of a whiteout.
        const { name } = entry;
        if (!branch.whiteouts || name.startsWith(WHITEOUT_PREFIX, WHITEOUT_PREFIX.length)) return;
        whiteouts.push(name.slice(WHITEOUT_PREFIX.length));
        if (!u.options.shwh) return;
      } else if (hidden.size > 0 && hidden.has(entry.name)) return;
      else if (marked && mayBeDevice(entry.type) && isWhiteoutAt(u.directory(node, i), entry.name)) {
        whiteouts.push(entry.name);
        return;
      }
      // The names of the last layer, often the only one, need no string.
      if (!isLast || seen.size > 0) {
        const { name } = entry;
        if (seen.has(name)) return;
        if (!isLast) seen.add(name);
      }
      listing.add(entry, branch);
    });
    if (whiteouts.length > 0) {
      for (const name of whiteouts) hidden.add(name);
      // A name beside its own whiteout is hidden, in whatever order the branch listed the two.
      listing.remove(start, new Set(whiteouts));
    }
    listing.endLayer();
  }
  return listing;
}

/** Whether an entry is a character device, as overlayfs's whiteouts are, as far as the file system tells. */
function mayBeDevice(type: number): boolean {
  return type === DT.CHR || type === DT.UNKNOWN;
}

function readLayer(u: UnionState, node: Node, layer: number, visit: (entry: DirectoryEntry) => void): void {
  readAll(must(openat(u.directory(node, layer), '.', O.RDONLY | O.DIRECTORY, 0)), visit);
}

/** The same for the union's own sake: a look that no user took leaves the time of access alone, where we may. */
function glanceAtLayer(u: UnionState, node: Node, layer: number, visit: (entry: DirectoryEntry) => void): void {
  const dirfd = u.directory(node, layer);
  const fd = openat(dirfd, '.', O.RDONLY | O.DIRECTORY | O.NOATIME, 0);
  readAll(fd === -E.EPERM ? must(openat(dirfd, '.', O.RDONLY | O.DIRECTORY, 0)) : must(fd), visit);
}

function readAll(fd: number, visit: (entry: DirectoryEntry) => void): void {
  try {
    must(readEntries(fd, visit));
  } finally {
    close(fd);
  }
}

/**
 * Whether a directory holds no name from layer `from` on. Names that whiteouts of higher layers hide do not count;
 * names that higher layers show as well do.
 */
export function isEmpty(u: UnionState, node: Node, from = 0): boolean {
  const { layers } = node;
  const hidden = new Set<string>();
  for (let i = 0; i < layers.length; i++) {
    const branch = layers[i];
    const names: string[] = [];
    glanceAtLayer(u, node, i, ({ name, type }) => {
      if (name.startsWith(WHITEOUT_PREFIX)) {
        if (branch.whiteouts) hidden.add(name.slice(WHITEOUT_PREFIX.length));
      } else if (u.options.overlayMarks && branch.whiteouts && mayBeDevice(type) && isWhiteoutAt(u.directory(node, i), name)) {
        hidden.add(name);
      } else names.push(name);
    });
    if (i >= from) for (const name of names) if (!hidden.has(name)) return false;
  }
  return true;
}

/** FSYNCDIR: the layers that take writes. */
export function fsyncdir(u: UnionState, handle: DirHandle): void {
  neverSynced(u);
  const { node } = handle;
  const result = synced(u);
  if (result !== null && result !== -E.EINVAL) must(result);
  if (result !== null || node.removed) return;
  const aside: number[] = [];
  for (let i = 0; i < node.layers.length; i++) {
    const branch = node.layers[i];
    if (!branch.writable) continue;
    const fd = openat(u.directory(node, i), '.', O.RDONLY | O.DIRECTORY, 0);
    if (fd < 0) {
      for (const other of aside) close(other);
      throw new Errno(-fd);
    }
    if (u.helpers !== null && branch.pace !== PACE.MEMORY) {
      aside.push(fd);
      continue;
    }
    const done = fsync(fd);
    close(fd);
    if (done !== -E.EINVAL) must(done);
  }
  if (aside.length > 0) syncAside(u, NR.fsync, aside);
}
