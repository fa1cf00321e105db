// A node is an inode of the union: what the kernel knows by a number, found on the branches
// by (directory, name). A directory may lie on several branches, anything else lies on one.

import { close } from '../posix/file.js';
import { S } from '../posix/stat.js';
import type { Branch } from './branch.js';

/** A name of a node: where lookup found it. */
export interface Link {
  parent: Node;
  name: string;
}

/** An open file of a node: `fd` is of the inode that `node` has on `branch`. */
export interface OpenFile {
  readonly node: Node;
  readonly fd: number;
  readonly branch: Branch;
}

/**
 * What must hold:
 * - `layers` is ordered top first and never empty; a directory's layers are a subset of its parent's, but for those
 *   that `origins` gives a path for.
 * - (`parent`, `name`) leads to the node on layers[0] — for a pseudo-linked file `parent` may be a
 *   branch's `.wh..wh.plnk` — unless `removed`, when only `anchor` does.
 * - `children` counts the nodes and links whose parent this is; a node is dropped when the kernel has
 *   forgotten it, nothing is open on it and it has no children.
 */
export class Node {
  /** FUSE's number for it, and how often that number was handed to the kernel. */
  id = 0;
  generation = 0;
  lookups = 0;
  children = 0;
  handles = 0;
  /** The handle opened last, if it is still open: a descriptor of the inode that is there already; see `openDescriptor`. */
  opened: OpenFile | null = null;
  /** Descriptors (O_PATH) of a directory on its layers, -1 where not open; see directory-descriptors.ts. */
  fds: number[] | null = null;
  /** Further names of a hard-linked file. */
  links: Link[] | null = null;
  /** A descriptor of the inode after its last name went, or -1. */
  anchor = -1;
  removed = false;
  /** Layers of a renamed directory that have another name, or ('/…') path, on their branch; see renamed-directory.ts. */
  origins: Map<Branch, string> | null = null;
  /** The lowest branch position that an opaque mark or a whiteout of this directory leaves; see `lowestSeen`. */
  limit = Number.MAX_SAFE_INTEGER;
  /** Grows with every change of the names in a directory or of where they lie; listings compare it. */
  version = 0;
  /** The branches' generation that `layers` was found in; see branch-changes.ts. */
  epoch = 0;
  /** Modification time and size that the kernel's cached pages belong to (seconds, nanoseconds, bytes). */
  cachedMtime = -1;
  cachedMtimeNsec = 0;
  cachedSize = 0;
  /** A lower branch may deny somebody a directory that the topmost allows; see permission.ts. */
  restricted = false;
  /** Read or written past us since (passthrough): the pages may be old. */
  passed = false;
  /** Written through this mount since then: the pages are ours, the stamp is old. */
  writtenHere = false;

  constructor(
    readonly ino: number,
    /** S_IFMT bits; a name whose type changes is another node. */
    readonly type: number,
    public parent: Node | null,
    public name: string,
    public layers: readonly Branch[],
  ) {
    if (parent !== null) parent.children++;
  }

  get isDirectory(): boolean {
    return this.type === S.IFDIR;
  }

  /** The branch it is seen on. */
  get top(): Branch {
    return this.layers[0];
  }

  /** The lowest branch position on which something under this directory would be seen: its own limit and those above. */
  get lowestSeen(): number {
    let lowest = this.limit;
    for (let above = this.parent; above !== null; above = above.parent) lowest = Math.min(lowest, above.limit);
    return lowest;
  }

  /** The index of a branch in `layers`, or -1. */
  layerOf(branch: Branch): number {
    const { layers } = this;
    for (let i = 0; i < layers.length; i++) if (layers[i] === branch) return i;
    return -1;
  }

  hasName(parent: Node, name: string): boolean {
    if (this.parent === parent && this.name === name) return true;
    if (this.links === null) return false;
    for (const link of this.links) if (link.parent === parent && link.name === name) return true;
    return false;
  }

  addName(parent: Node, name: string): void {
    if (this.hasName(parent, name)) return;
    parent.children++;
    (this.links ??= []).push({ parent, name });
  }

  /** Makes (parent, name) the place the node is found at; the former place is kept as a link if asked. */
  setPlace(parent: Node, name: string, keepFormer: boolean): void {
    const { parent: oldParent, name: oldName } = this;
    if (oldParent === parent && oldName === name) return;
    parent.children++;
    this.parent = parent;
    this.name = name;
    this.dropLink(parent, name);
    if (oldParent === null) return;
    oldParent.children--;
    if (keepFormer && oldParent.id !== 0) this.addName(oldParent, oldName);
  }

  private dropLink(parent: Node, name: string): boolean {
    const { links } = this;
    if (links === null) return false;
    const i = links.findIndex((link) => link.parent === parent && link.name === name);
    if (i < 0) return false;
    links.splice(i, 1);
    if (links.length === 0) this.links = null;
    parent.children--;
    return true;
  }

  /** Takes one name away. Returns true while another name is left (it then is the node's place). */
  removeName(parent: Node, name: string): boolean {
    if (this.dropLink(parent, name)) return true;
    if (this.parent !== parent || this.name !== name) return !this.removed;
    const next = this.links?.pop();
    if (next === undefined) return false;
    if (this.links?.length === 0) this.links = null;
    // next.parent already counts this name among its children
    parent.children--;
    this.parent = next.parent;
    this.name = next.name;
    return true;
  }

  closeDescriptors(): void {
    if (this.fds !== null) for (const fd of this.fds) if (fd >= 0) close(fd);
    this.fds = null;
    this.closeAnchor();
  }

  /** The node is found by a name again, or on another branch. */
  closeAnchor(): void {
    if (this.anchor >= 0) close(this.anchor);
    this.anchor = -1;
  }

  /** The union's path, for messages and events only. */
  path(): string {
    const parts: string[] = [];
    if (this.parent !== null) parts.push(this.name);
    for (let above = this.parent; above !== null && above.parent !== null; above = above.parent) parts.push(above.name);
    return `/${Buffer.from(parts.reverse().join('/'), 'latin1').toString('utf8')}`;
  }
}

/** The path of a name in a directory, likewise. */
export function childPath(parent: Node, name: string): string {
  const above = parent.path();
  return `${above === '/' ? '' : above}/${Buffer.from(name, 'latin1').toString('utf8')}`;
}

/** Then they begin anew; a whole number up to here takes no memory of its own. */
const GENERATIONS = 2 ** 30;
/** Entries that are not worth giving back. */
const SMALL_TABLE = 1024;
/** Nodes, about 5 MB, half of which are worth collecting. */
const LARGE_TABLE = 16_384;

/** All nodes, by FUSE id and by inode number. */
export class NodeTable {
  private readonly byId: (Node | undefined)[] = [undefined];
  private readonly byIno = new Map<number, Node>();
  /** Numbers below `byId.length` that are not in use. */
  private free: number[] = [];
  /** Nodes dropped so far: a number used again has another generation then, by which the kernel tells the two apart. */
  private dropped = 0;
  /** The most nodes since the table was last made smaller. */
  private most = 0;
  /** Told when a directory with open descriptors goes. */
  onDrop: ((node: Node) => void) | null = null;
  /** Told when half of many nodes are gone. */
  onShrink: (() => void) | null = null;

  get size(): number {
    return this.byId.length - 1 - this.free.length;
  }

  get(id: number): Node | undefined {
    return this.byId[id];
  }

  find(ino: number): Node | undefined {
    return this.byIno.get(ino);
  }

  add(node: Node): Node {
    const id = this.free.pop() ?? this.byId.length;
    this.byId[id] = node;
    node.id = id;
    node.generation = this.dropped;
    this.byIno.set(node.ino, node);
    if (this.size > this.most) this.most = this.size;
    return node;
  }

  /** `heir` takes the number that the kernel has of `node`, with its references; `node` gets a new one, unknown to it. */
  giveNumber(node: Node, heir: Node): void {
    heir.id = node.id;
    heir.generation = node.generation;
    heir.lookups = node.lookups;
    this.byId[heir.id] = heir;
    node.lookups = 0;
    this.add(node);
  }

  /** The inode number is no longer this node's: the branch has given it to another file, or it has no name. */
  disown(node: Node): void {
    if (this.byIno.get(node.ino) === node) this.byIno.delete(node.ino);
  }

  /** FORGET: the kernel gives back `count` references. */
  forget(node: Node, count: number): void {
    node.lookups = Math.max(0, node.lookups - count);
    this.drop(node);
  }

  /** Drops the node, and ancestors that it alone kept, if nothing needs them. */
  drop(node: Node): void {
    for (let n: Node | null = node; n !== null; ) {
      if (n.lookups > 0 || n.children > 0 || n.handles > 0 || n.id <= 1) return;
      this.onDrop?.(n);
      n.closeDescriptors();
      this.disown(n);
      this.byId[n.id] = undefined;
      this.free.push(n.id);
      this.dropped = (this.dropped + 1) % GENERATIONS;
      if (this.size * 2 < this.most) this.giveBack();
      n.id = -1;
      for (const link of n.links ?? []) {
        link.parent.children--;
        if (link.parent !== n.parent) this.drop(link.parent);
      }
      n.links = null;
      const parent: Node | null = n.parent;
      if (parent !== null) parent.children--;
      n = parent;
    }
  }

  /** Gives back the memory of numbers that nodes no longer have; called when half of the nodes are gone. */
  private giveBack(): void {
    const { byId } = this;
    if (this.most >= LARGE_TABLE) this.onShrink?.();
    this.most = Math.max(this.size, SMALL_TABLE);
    if (byId.length <= SMALL_TABLE) return;
    let length = byId.length;
    while (byId[length - 1] === undefined && length > 1) length--;
    byId.length = length;
    this.free = [];
    // The lowest are used first, so that the table can be made smaller again.
    for (let id = length - 1; id > 0; id--) if (byId[id] === undefined) this.free.push(id);
  }

  *all(): Generator<Node> {
    for (const node of this.byId) if (node !== undefined) yield node;
  }
}
