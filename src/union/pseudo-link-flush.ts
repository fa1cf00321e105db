// Ending pseudo-links: what `auplink flush` does at umount, or before a branch goes (aufs(5), "Pseudo Link").

import { must } from '../posix/errno.js';
import { DT, unlinkat } from '../posix/directory.js';
import { O, openat } from '../posix/file.js';
import { Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { lookup } from './lookup.js';
import { FIRST_NAME, type Listing } from './listing.js';
import { list } from './merged-directory.js';
import { decodeName } from './name.js';
import type { Node } from './node.js';
import { type PseudoLink, materialize, materializeNames } from './pseudo-link.js';
import type { UnionState } from './state.js';
import { unionInode } from './xino.js';

/**
 * Ends the pseudo-links (of one branch, or all): every name that shows a copy becomes a real link of it, then the
 * links in `.wh..wh.plnk` go.
 */
export function flushPseudoLinks(u: UnionState, branch?: Branch): void {
  const ending = new Map<number, PseudoLink>();
  for (const [ino, link] of u.plinks.entries()) if (branch === undefined || link.branch === branch) ending.set(ino, link);
  if ([...ending.values()].some((link) => hasUnmadeNames(link))) withoutTelling(u, () => makeNamesReal(u, ending));
  for (const [ino, link] of ending) {
    const node = u.nodes.find(ino);
    if (node !== undefined) leavePseudoLink(u, node, link);
    unlinkat(link.branch.plinkDir, link.name, 0);
    u.plinks.forget(ino);
  }
  const left = new Set([...u.plinks.entries()].map(([, link]) => link.branch));
  for (const ended of new Set([...ending.values()].map((link) => link.branch))) if (!left.has(ended)) u.plinks.ended(ended);
}

/** These lookups are no caller's. */
function withoutTelling(u: UnionState, work: () => void): void {
  const told = u.wantLookups;
  u.wantLookups = false;
  try {
    work();
  } finally {
    u.wantLookups = told;
  }
}

const counted = new Stat();

/** Whether users see more names than the copy has. */
function hasUnmadeNames({ branch, name, nlink }: PseudoLink): boolean {
  return statat(branch.plinkDir, name, counted) >= 0 && nlink > counted.nlink - 1;
}

/** Makes every name of pseudo-linked files a real link on the copy's branch; the pseudo-links go on (`auplink cpup`). */
export function copyUpNames(u: UnionState): void {
  makeNamesReal(u, new Map(u.plinks.entries()));
}

function makeNamesReal(u: UnionState, links: ReadonlyMap<number, PseudoLink>): void {
  walkNames(u, links, (node, directory, name) => materialize(u, node, directory, name));
}

/** A pseudo-linked file as users see it. */
export interface ShownPseudoLink {
  ino: number;
  /** Where the copy lies, and its name in `.wh..wh.plnk` there. */
  branch: string;
  link: string;
  /** Its names in the union, as text; `real`: the branch has a link of that name, too. */
  names: { path: string; real: boolean }[];
}

/** All of them, with names that nobody has looked up, too: reads the whole union. */
export function describePseudoLinks(u: UnionState): ShownPseudoLink[] {
  const links = new Map(u.plinks.entries());
  const shown = new Map<number, ShownPseudoLink>();
  for (const [ino, { branch, name }] of links) shown.set(ino, { ino, branch: branch.path, link: name, names: [] });
  if (links.size === 0) return [];
  walkNames(u, links, (node, directory, name) => {
    const { branch } = links.get(node.ino)!;
    const real = directory.layerOf(branch) >= 0 && statat(u.directoryOn(directory, branch), name, counted) >= 0;
    const above = directory.path();
    shown.get(node.ino)!.names.push({ path: `${above === '/' ? '' : above}/${decodeName(name)}`, real });
  });
  for (const { names } of shown.values()) names.sort((a, b) => a.path < b.path ? -1 : 1);
  return [...shown.values()];
}

/** Walks the union for names, also those that nobody has looked up, that show one of the copies. */
function walkNames(
  u: UnionState, links: ReadonlyMap<number, PseudoLink>, visit: (node: Node, directory: Node, name: string) => void,
): void {
  const st = new Stat();
  const walk = (directory: Node): void => {
    const listing = list(u, directory);
    const numbers = new ListedNumbers(u, directory, listing);
    for (let i = FIRST_NAME; i < listing.count; i++) {
      const name = listing.name(i);
      if (listing.type(i) !== DT.DIR && !mayShow(u, directory, name, listing.branch(i), links.get(numbers.ino(i)))) continue;
      const node = lookup(u, directory, name, st);
      if (node === null) continue;
      // Held: dropping its last child would drop it while we walk it.
      node.handles++;
      if (node.isDirectory) walk(node);
      else if (links.has(node.ino)) visit(node, directory, name);
      node.handles--;
      u.nodes.drop(node);
    }
  };
  walk(u.root);
}

/**
 * The union's numbers of the files in a directory. A listing does not tell the device that a number is of: on overlayfs
 * over several file systems files have others than the directories (Documentation/filesystems/overlayfs, "Inode
 * properties"). The first file of each branch tells; only where it is another's the rest are looked at, too.
 */
class ListedNumbers {
  readonly #right = new Map<Branch, boolean>();
  readonly #stat = new Stat();

  constructor(private readonly u: UnionState, private readonly directory: Node, private readonly listing: Listing) {}

  ino(i: number): number {
    const branch = this.listing.branch(i);
    const listed = this.listing.ino(i);
    if (this.#right.get(branch) === true) return listed;
    if (statat(this.u.directoryOn(this.directory, branch), this.listing.name(i), this.#stat) < 0) return listed;
    const found = unionInode(branch, this.#stat);
    if (!this.#right.has(branch)) this.#right.set(branch, found === listed);
    return found;
  }
}

/** Whether a name shows the copy; not, after a crash, if the file under it was changed since, which may be another. */
function mayShow(u: UnionState, directory: Node, name: string, branch: Branch, link: PseudoLink | undefined): boolean {
  if (link?.unchangedSince === undefined || link.branch === branch) return link !== undefined;
  return statat(u.directoryOn(directory, branch), name, counted) >= 0 && counted.ctime <= link.unchangedSince;
}

/** A node that is found by its pseudo-link only goes back to a name, or to none. */
function leavePseudoLink(u: UnionState, node: Node, link: PseudoLink): void {
  materializeNames(u, node);
  if (node.parent?.id !== 0) return;
  const next = node.links?.[0];
  if (next !== undefined) {
    node.setPlace(next.parent, next.name, false);
    return;
  }
  node.anchor = must(openat(link.branch.plinkDir, link.name, O.PATH | O.NOFOLLOW, 0));
  node.removed = true;
  u.nodes.disown(node);
}
