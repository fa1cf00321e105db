// Pseudo-links: hard links that go across branches (aufs(5), "Pseudo Link"). A file that has several names on
// a lower branch is copied up under one of them; its other names then show the copy. The copy is kept under
// `.wh..wh.plnk/<inode in the union>.<inode below>` for as long as the union is mounted or until it is flushed.

import { E, Errno, must } from '../posix/errno.js';
import { linkat, unlinkat } from '../posix/directory.js';
import { S, type Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { ensureDirectory } from './copyup.js';
import { Node } from './node.js';
import { forgetNote, notePseudoLinks } from './pseudo-link-note.js';
import { removeTree } from './remove-tree.js';
import { fillAttributes } from './shown.js';
import type { UnionState } from './state.js';
import { keepingTimes } from './times.js';
import { PLINK_DIRECTORY, hasNoLinks } from './whiteout.js';

export interface PseudoLink {
  branch: Branch;
  name: string;
  /** The names that a user sees: counted below at the copy-up, then kept by link and unlink. */
  nlink: number;
  /** Restored after a crash: a lower file that was changed later (seconds) may be another one. */
  unchangedSince?: number;
}

export class PseudoLinks {
  private readonly links = new Map<number, PseudoLink>();
  private readonly directories = new Map<Branch, Node>();
  /** Branches whose note tells the file systems of now. */
  private readonly noted = new Set<Branch>();

  constructor(private readonly branches: () => readonly Branch[]) {}

  get size(): number {
    return this.links.size;
  }

  has(ino: number): boolean {
    return this.links.has(ino);
  }

  /** The link count a user sees; undefined for a file that has no pseudo-link. */
  nlink(ino: number): number | undefined {
    return this.links.get(ino)?.nlink;
  }

  /** A name was made (1) or removed (-1). */
  count(ino: number, by: 1 | -1): void {
    const link = this.links.get(ino);
    if (link !== undefined) link.nlink += by;
  }

  /** The node that stands for a branch's `.wh..wh.plnk`: a place for nodes, unknown to the kernel (id 0). */
  private directory(branch: Branch): Node {
    let node = this.directories.get(branch);
    if (node === undefined) {
      node = new Node(0, S.IFDIR, null, PLINK_DIRECTORY, branch.alone);
      this.directories.set(branch, node);
    }
    // Another one once the branch was read-only, or the union noplink, for a time.
    node.fds = [branch.plinkDir];
    return node;
  }

  /** Remembers the copy of a file that has other names below: `dirfd`/`name` is the copy on `branch`. */
  add(ino: number, inoBelow: number, nlink: number, branch: Branch, dirfd: number, name: string): void {
    if (branch.plinkDir < 0) return;
    const former = this.links.get(ino);
    if (former?.branch === branch) return;
    if (!this.noted.has(branch)) {
      notePseudoLinks(branch, this.branches());
      this.noted.add(branch);
    }
    const linkName = `${String(ino)}.${String(inoBelow)}`;
    let result = linkat(dirfd, name, branch.plinkDir, linkName, 0);
    if (result === -E.EEXIST) {
      // Left by an earlier mount that was not flushed, or put there by somebody.
      removeTree(branch.plinkDir, linkName);
      result = linkat(dirfd, name, branch.plinkDir, linkName, 0);
    }
    // A file system without hard links has no pseudo-links either.
    if (hasNoLinks(result)) return;
    must(result);
    // Copied up once more, from a writable branch to a higher one.
    if (former !== undefined) unlinkat(former.branch.plinkDir, former.name, 0);
    this.links.set(ino, { branch, name: linkName, nlink: former?.nlink ?? nlink });
  }

  /** Takes back what `add` did for a copy-up that failed. */
  remove(ino: number, branch: Branch): void {
    const link = this.links.get(ino);
    if (link?.branch !== branch) return;
    unlinkat(branch.plinkDir, link.name, 0);
    this.links.delete(ino);
  }

  /** The node of a pseudo-linked file whose node the kernel forgot; null if `ino` is not pseudo-linked above `found`. */
  revive(u: UnionState, ino: number, parent: Node, name: string, found: Branch, out: Stat): Node | null {
    const link = this.links.get(ino);
    if (link === undefined) return null;
    if (link.branch === found) return null;
    const result = statat(link.branch.plinkDir, link.name, out);
    if (result < 0) return null;
    const node = new Node(ino, out.mode & S.IFMT, this.directory(link.branch), link.name, link.branch.alone);
    node.epoch = u.epoch;
    node.addName(parent, name);
    u.nodes.add(node);
    fillAttributes(u, node, out);
    return node;
  }

  /** A node loses its last known name on the branch: its pseudo-link is where it is found from now on. */
  settle(node: Node): boolean {
    const link = this.links.get(node.ino);
    if (link === undefined || link.branch !== node.top) return false;
    node.setPlace(this.directory(link.branch), link.name, false);
    return true;
  }

  /** The link in `.wh..wh.plnk` has been taken away. */
  forget(ino: number): void {
    this.links.delete(ino);
  }

  /** One that an earlier mount has left. */
  restore(ino: number, link: PseudoLink): void {
    this.links.set(ino, link);
  }

  /** Branches came or went, and file systems with them. */
  branchesChanged(): void {
    this.noted.clear();
  }

  /** Nothing on the branch is to be restored after a crash. */
  ended(branch: Branch): void {
    forgetNote(branch);
    this.noted.delete(branch);
  }

  entries(): IterableIterator<[number, PseudoLink]> {
    return this.links.entries();
  }
}

/** A name found on a lower branch whose file was copied up under another name: it shows the copy. */
export function redirectPlink(u: UnionState, node: Node, parent: Node, name: string, out: Stat): boolean {
  if (!u.plinks.has(node.ino)) return false;
  const result = statat(u.directoryOn(node.parent as Node, node.top), node.name, out);
  if (result < 0) return false;
  node.addName(parent, name);
  fillAttributes(u, node, out);
  return true;
}

/** Makes a redirected name real: a hard link of the copy under that name, on the copy's branch. */
export function materialize(u: UnionState, node: Node, parent: Node, name: string): void {
  const branch = node.top;
  if ((node.parent === parent && node.name === name) || !branch.writable) return;
  u.watch?.own.comes(parent, name);
  ensureDirectory(u, parent, branch);
  const dirfd = u.directoryOn(parent, branch);
  keepingTimes(dirfd, () => {
    const result = linkat(u.directoryOn(node.parent!, branch), node.name, dirfd, name, 0);
    if (result < 0 && result !== -E.EEXIST) throw new Errno(-result);
  });
}

/** AUFS makes the known names of a pseudo-linked file real when it is opened. */
export function materializeNames(u: UnionState, node: Node): void {
  if (node.links === null || !u.plinks.has(node.ino)) return;
  for (const link of [...node.links]) if (link.parent.id !== 0) materialize(u, node, link.parent, link.name);
}
