// Lookup: a name is searched from the top branch down. A whiteout ends the search; the first thing found
// is what the union shows; a directory goes on to be merged with the directories below it, until an opaque
// mark or a whiteout. Something else than a directory below a directory is passed over.

import { Errno } from '../posix/errno.js';
import { S, Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { tellLookup } from './lookup-event.js';
import { WHITEOUT_PREFIX, checkName } from './name.js';
import { Node } from './node.js';
import { hidesBelow, isWhiteoutDevice } from './overlay-marks.js';
import { MAY_SEARCH, isStricter, mayEnter } from './permission.js';
import { redirectPlink } from './pseudo-link.js';
import { probeRenamed } from './renamed-directory.js';
import { fillAttributes } from './shown.js';
import type { UnionState } from './state.js';
import { hasWhiteout, isNotThere, isOpaqueChild } from './whiteout.js';
import { freshInode, sameInode, unionInode } from './xino.js';

/** What lookup found of one name; reused from call to call. */
export class Probe {
  /** Where it was found, top first: one branch, or a directory's layers. */
  layers: readonly Branch[] = [];
  /** S_IFMT bits, 0 where nothing was found. */
  type = 0;
  /** The attributes on layers[0]. */
  readonly stat = new Stat();
  /** The branch whose whiteout ended the search, if one did. */
  whiteout: Branch | null = null;
  /** Whether a lower layer of a directory has stricter permissions than the top. */
  restricted = false;
  /** Of a renamed directory, see node.ts. */
  origins: Map<Branch, string> | null = null;
  /** A directory's own limit, see node.ts. */
  limit = Number.MAX_SAFE_INTEGER;

  /** Whether the search went past a branch, on which `parent` lies, or ended there, and found no whiteout on it. */
  passed(branch: Branch, parent: Node): boolean {
    const lowest = this.type !== 0 ? this.layers[0] : this.whiteout;
    return branch.whiteouts && branch !== this.whiteout && parent.layerOf(branch) >= 0 && (lowest === null || branch.index <= lowest.index);
  }
}

const below = new Stat();

/**
 * Searches `name` in the layers of `parent` from position `from` on. Returns whether it was found.
 * Makes no node, so it may be used inside operations.
 */
export function probe(u: UnionState, parent: Node, name: string, into: Probe, from = 0): boolean {
  return search(u, parent, name, into, from, true);
}

/** The same, for who wants to know of a directory only where it is seen: its lower layers are not looked for. */
export function probeTop(u: UnionState, parent: Node, name: string, into: Probe, from = 0): boolean {
  return search(u, parent, name, into, from, false);
}

function search(u: UnionState, parent: Node, name: string, into: Probe, from: number, merges: boolean): boolean {
  const { layers } = parent;
  into.type = 0;
  into.whiteout = null;
  into.restricted = false;
  into.origins = null;
  into.limit = Number.MAX_SAFE_INTEGER;
  let merged: Branch[] | null = null;
  const known = u.watch === null ? null : u.watch.namesOf(parent);
  for (let i = from; i < layers.length; i++) {
    const branch = layers[i];
    const names = known === null ? null : known[i];
    const hidden = branch.whiteouts && (names === null ? hasWhiteout(u.directory(parent, i), name) : names.has(WHITEOUT_PREFIX + name));
    if (hidden) {
      into.whiteout = branch;
      if (merged !== null) into.limit = branch.index - 1;
      break;
    }
    if (names !== null && !names.has(name)) continue;
    const stat = into.type === 0 ? into.stat : below;
    const result = statat(u.directory(parent, i), name, stat);
    if (result < 0) {
      if (isNotThere(result)) continue;
      throw new Errno(-result);
    }
    const type = stat.mode & S.IFMT;
    if (type === S.IFCHR && u.options.overlayMarks && branch.whiteouts && isWhiteoutDevice(stat)) {
      into.whiteout = branch;
      if (merged !== null) into.limit = branch.index - 1;
      break;
    }
    if (into.type === 0) {
      into.type = type;
      into.layers = branch.alone;
      if (type !== S.IFDIR || !merges) return true;
      merged = [branch];
    } else if (type === S.IFDIR) {
      merged?.push(branch);
      if (!u.options.dirperm1 && isStricter(into.stat, stat)) into.restricted = true;
    } else {
      continue;
    }
    if (branch.renamed !== null && merged !== null && probeRenamed(u, parent, name, into, i, merged)) return true;
    if (branch.whiteouts && directoryIsOpaque(u, parent, i, name)) {
      into.limit = branch.index;
      break;
    }
  }
  if (merged !== null && merged.length > 1) into.layers = merged.length === layers.length ? layers : merged;
  return into.type !== 0;
}

function directoryIsOpaque(u: UnionState, parent: Node, layer: number, name: string): boolean {
  // The lowest branch has nothing to hide, but what is created may go to a branch that the parent is not on.
  if (layer === parent.layers.length - 1 && u.branches.length - 1 === (parent.layers[layer]).index) return false;
  if (!u.options.overlayMarks) return isOpaqueChild(u.directory(parent, layer), name);
  const fd = u.openChild(parent, layer, name);
  try {
    return hidesBelow(u, fd);
  } finally {
    u.closeChild(fd);
  }
}

const found = new Probe();

/**
 * LOOKUP: the node of a name, its attributes in `out`; null where there is no such name.
 * Throws EPERM for AUFS's own names, ENAMETOOLONG for names over 242 bytes.
 */
export function lookup(u: UnionState, parent: Node, name: string, out: Stat): Node | null {
  checkName(name);
  u.refresh(parent);
  if (parent.removed) return null;
  mayEnter(u, parent, MAY_SEARCH);
  if (u.wantLookups) {
    const since = performance.now();
    probe(u, parent, name, found);
    tellLookup(u, parent, name, found, performance.now() - since);
  } else probe(u, parent, name, found);
  return found.type === 0 ? null : nodeOf(u, parent, name, found, out);
}

/** The node for what `probe` found: the one that is known already, or a new one. Attributes in `out`. */
export function nodeOf(u: UnionState, parent: Node, name: string, what: Probe, out: Stat): Node {
  const top = what.layers[0];
  let ino = unionInode(top, what.stat);
  const known = u.nodes.find(ino);
  out.copy(what.stat);
  if (known !== undefined) {
    if (known.type === what.type) {
      if (known.isDirectory && !staysElsewhere(u, known, parent, name, what)) {
        return adoptDirectory(u, known, parent, name, what, out);
      }
      if (!known.isDirectory && known.top === top) return adoptFile(u, known, parent, name, out);
      if (!known.isDirectory && redirectPlink(u, known, parent, name, out)) return known;
    }
    if (known.type !== what.type || (!known.isDirectory && known.top.index > top.index)) u.nodes.disown(known);
    else ino = freshInode(top, what.stat);
  } else if (u.plinks.size > 0 && what.type !== S.IFDIR) {
    const linked = u.plinks.revive(u, ino, parent, name, top, out);
    if (linked !== null) return linked;
  }
  const node = new Node(ino, what.type, parent, name, what.layers);
  node.origins = what.origins;
  node.limit = what.limit;
  node.restricted = what.restricted;
  node.epoch = u.epoch;
  u.nodes.add(node);
  fillAttributes(u, node, out);
  return node;
}

/**
 * Whether a known directory is still where it was, though another is found under its number: somebody took them
 * apart directly, by renaming one of its layers.
 */
function staysElsewhere(u: UnionState, node: Node, parent: Node, name: string, what: Probe): boolean {
  if (node.removed || node.parent === null || (node.parent === parent && node.name === name)) return false;
  if (node.parent.removed || node.parent.layerOf(node.top) < 0) return false;
  if (statat(u.directoryOn(node.parent, node.top), node.name, place) < 0) return false;
  if (node.top === what.layers[0] && sameInode(place, what.stat)) return false;
  return unionInode(node.top, place) === node.ino;
}

function adoptDirectory(u: UnionState, node: Node, parent: Node, name: string, what: Probe, out: Stat): Node {
  const elsewhere = node.parent !== parent || node.name !== name;
  const changed = !sameLayers(node.layers, what.layers) || !sameOrigins(node.origins, what.origins);
  // Renamed or changed directly on a branch: what we knew of its place is old.
  if (elsewhere || changed) u.forgetDescriptors(node);
  if (elsewhere) node.setPlace(parent, name, false);
  if (changed) {
    node.layers = what.layers;
    node.origins = what.origins;
  }
  node.limit = what.limit;
  node.restricted = what.restricted;
  node.epoch = u.epoch;
  node.removed = false;
  if (elsewhere || changed) u.watch?.met(node);
  fillAttributes(u, node, out);
  return node;
}

function adoptFile(u: UnionState, node: Node, parent: Node, name: string, out: Stat): Node {
  if (node.removed || (!node.hasName(parent, name) && !isThere(u, node, out))) {
    node.setPlace(parent, name, false);
    node.removed = false;
    node.closeAnchor();
  } else {
    node.addName(parent, name);
  }
  node.epoch = u.epoch;
  fillAttributes(u, node, out);
  return node;
}

const place = new Stat();

/** Whether the node's place still leads to the inode of `found`; somebody may have renamed it directly. */
function isThere(u: UnionState, node: Node, found: Stat): boolean {
  if (node.parent === null || node.parent.layerOf(node.top) < 0) return false;
  return statat(u.directoryOn(node.parent, node.top), node.name, place) >= 0 && sameInode(place, found);
}

function sameOrigins(a: Map<Branch, string> | null, b: Map<Branch, string> | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.size !== b.size) return false;
  for (const [branch, origin] of a) if (b.get(branch) !== origin) return false;
  return true;
}

export function sameLayers(a: readonly Branch[], b: readonly Branch[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
