// The merged tree, each name with the branches it comes from; on demand also what is hidden.

import { Errno, must } from '../posix/errno.js';
import { readDirectory } from '../posix/directory.js';
import { close, O, openat } from '../posix/file.js';
import { list } from '../union/merged-directory.js';
import { FIRST_NAME } from '../union/listing.js';
import { WHITEOUT_PREFIX, isReserved } from '../union/name.js';
import type { Node } from '../union/node.js';
import type { UnionState } from '../union/state.js';
import type { EntryType } from './entry.js';
import { type Entered, type HiddenBy, type Mark, type OnBranch, enter, layersOf } from './layers.js';
import { InspectError } from './error.js';
import { found, leave, namesOf, walkTo, type Walk } from './walk.js';

export interface HiddenEntry {
  branch: number;
  type: EntryType;
  by: HiddenBy | null;
}

export interface TreeEntry {
  /** Bytes as a latin1 string; the root has its path. */
  name: string;
  /** Null where the union shows nothing: with `all` the name is here for what is hidden. */
  type: EntryType | null;
  target?: string;
  /** The branches it is seen on, the one whose attributes count first; several of a merged directory. */
  branches: number[];
  /** With `all`: what branches have under this name that is not seen. */
  hidden?: HiddenEntry[];
  /** With `all`: whiteouts of this name. */
  whiteouts?: { branch: number; mark: Mark }[];
  /** With `all`: the branches on which this directory hides what is below. */
  opaque?: number[];
  /** Why a directory cannot be listed: `EACCES`. */
  error?: string;
  /** Of a directory, in the order of their bytes; undefined below the depth asked for. */
  children?: TreeEntry[];
}

export interface TreeOptions {
  /** Hidden entries, whiteouts and opaque marks too. */
  all: boolean;
  /** How many levels below the start. */
  depth?: number;
  /** Where to start, from the root of the union. */
  from?: string;
}

/** The tree of a union. Throws InspectError where there is no such directory. */
export function treeOf(u: UnionState, { all, depth = Infinity, from = '/' }: TreeOptions): TreeEntry {
  return entryAt(u, namesOf(from), `/${namesOf(from).join('/')}`, all, depth) ?? noSuch(from);
}

function noSuch(path: string): never {
  throw new InspectError(`the union shows nothing at ${Buffer.from(path, 'latin1').toString('utf8')}; see tsaufs explain`);
}

/** Undefined for a name that has nothing to be shown. */
function entryAt(u: UnionState, names: readonly string[], shown: string, all: boolean, depth: number): TreeEntry | undefined {
  const walk = walkTo(u, names);
  try {
    const node = found(walk);
    if (node === null && !all) return undefined;
    return describe(u, walk, node, shown, all, depth);
  } finally {
    leave(u, walk);
  }
}

function describe(u: UnionState, walk: Walk, node: Node | null, name: string, all: boolean, depth: number): TreeEntry | undefined {
  const layers = layersOf(u, walk);
  const seen = node === null ? undefined : layers[node.top.index].entry ?? layers.find(({ entry }) => entry !== null)?.entry;
  const entry: TreeEntry = {
    name, type: seen?.type ?? null,
    branches: node === null ? [] : node.layers.map(({ index }) => index),
  };
  if (seen?.target !== undefined) entry.target = seen.target;
  if (all && !tellHidden(entry, layers) && node === null) return undefined;
  if (node?.isDirectory === true && depth > 0) listInto(u, walk, node, entry, all, depth);
  return entry;
}

/** Returns whether there is anything to be told. */
function tellHidden(entry: TreeEntry, layers: readonly OnBranch[]): boolean {
  const hidden = layers.flatMap((layer) => layer.state === 'hidden' && layer.entry !== null ?
    [{ branch: layer.branch, type: layer.entry.type, by: layer.hiddenBy }] : []);
  const whiteouts = layers.flatMap(({ branch, whiteout }) => whiteout === null ? [] : [{ branch, mark: whiteout }]);
  const opaque = layers.flatMap(({ branch, opaque: mark }) => mark === 'counts' ? [branch] : []);
  if (hidden.length > 0) entry.hidden = hidden;
  if (whiteouts.length > 0) entry.whiteouts = whiteouts;
  if (opaque.length > 0) entry.opaque = opaque;
  return hidden.length + whiteouts.length > 0;
}

function listInto(u: UnionState, walk: Walk, node: Node, entry: TreeEntry, all: boolean, depth: number): void {
  try {
    entry.children = namesIn(u, walk, node, all).flatMap((name) => {
      const child = entryAt(u, [...walk.names, name], name, all, depth - 1);
      return child === undefined ? [] : [child];
    });
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    entry.error = error.code;
  }
}

/** The names in a directory, in the order of their bytes; with `all` also those that the union does not show. Throws Errno. */
function namesIn(u: UnionState, walk: Walk, node: Node, all: boolean): string[] {
  if (!all) return shownNames(u, node);
  const entered = enter(u, walk, walk.names.length);
  try {
    return allNames(u, node, entered);
  } finally {
    entered.close();
  }
}

function shownNames(u: UnionState, node: Node): string[] {
  const names: string[] = [];
  const listing = list(u, node);
  for (let i = FIRST_NAME; i < listing.count; i++) if (!isReserved(listing.name(i))) names.push(listing.name(i));
  return names.sort(byBytes);
}

/**
 * The names in a directory that the union shows, that any branch has there, and those that whiteouts are of, wherever the union
 * looks for them. What is on the branches is noted in `entered`. Throws Errno.
 */
export function allNames(u: UnionState, node: Node, entered: Entered): string[] {
  const names = new Set(shownNames(u, node));
  for (const place of entered.places) {
    const read = readNames(place.fd);
    if (read === undefined) continue;
    place.names = read;
    for (const name of read) {
      const meant = isReserved(name) ? name.slice(WHITEOUT_PREFIX.length) : name;
      if (!isReserved(meant)) names.add(meant);
    }
  }
  return [...names].sort(byBytes);
}

/** Undefined where the branch has no such directory, or a closed one. */
function readNames(place: number): ReadonlySet<string> | undefined {
  const names = new Set<string>();
  const fd = place < 0 ? place : openat(place, '.', O.RDONLY | O.DIRECTORY, 0);
  if (fd < 0) return undefined;
  try {
    must(readDirectory(fd, (name) => void names.add(name)));
    return names;
  } finally {
    close(fd);
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Whether a directory was left unopened for its depth. */
export function isCut({ type, children, error }: TreeEntry): boolean {
  return type === 'directory' && children === undefined && error === undefined;
}
