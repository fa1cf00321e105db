// Which directories are watched, inotify(7), and on which of their branches.

import { E, Errno, errnoName } from '../posix/errno.js';
import { inotifyAddWatchFd, inotifyRmWatch } from '../posix/inotify.js';
import type { Branch } from './branch.js';
import { KnownNames } from './known-names.js';
import type { Node } from './node.js';
import { PACE } from './pace.js';
import type { UnionState } from './state.js';

/** How a directory is watched. Right only as long as `layers` is what the node has. */
export interface Cover {
  layers: readonly Branch[];
  /** Per layer; -1 where there is none: an `rr` branch, or it could not be had. */
  watches: number[];
  /** Nothing that happens goes unnoticed. */
  complete: boolean;
  /** What is known of its names, and how often it was asked; see known-names.ts. */
  names: Set<string>[] | null;
  asked: number;
  /** `released` when it was made: with no watch given back since, trying again is vain. */
  released: number;
}

/** Whether layer `i` of `other` is one of `cover`: the same directory on the same branch. */
export function has(cover: Cover, other: Cover, i: number): boolean {
  const watch = other.watches[i];
  return watch >= 0 ? cover.watches.includes(watch) : cover.layers.includes(other.layers[i]);
}

export class Coverage {
  private readonly covers = new Map<Node, Cover>();
  /** Directories by watch. */
  private readonly owners = new Map<number, Node>();
  readonly names: KnownNames;
  private released = 0;
  private complained = false;

  /** `onChange` hears of a covered directory whose layers are others now. */
  constructor(
    private readonly u: UnionState,
    /** Of inotify. */
    private readonly fd: number,
    private readonly mask: number,
    private readonly onChange: (node: Node, former: Cover, cover: Cover) => void,
  ) {
    this.names = new KnownNames(u);
  }

  get watches(): number {
    return this.owners.size;
  }

  of(node: Node): Cover | undefined {
    return this.covers.get(node);
  }

  ownerOf(watch: number): Node | undefined {
    return this.owners.get(watch);
  }

  /** The kernel has taken a watch away: the directory is gone, or its file system. */
  lost(watch: number): void {
    const node = this.owners.get(watch);
    this.owners.delete(watch);
    const cover = node === undefined ? undefined : this.covers.get(node);
    if (cover !== undefined) cover.complete = false;
  }

  /** How a directory is watched, if every change of a name in it will be noticed. */
  inForce(node: Node): Cover | undefined {
    const cover = this.covers.get(node);
    return cover !== undefined && cover.complete && cover.layers === node.layers ? cover : undefined;
  }

  /** Whether every change of a name in the directory will be noticed. */
  isCovered(node: Node | null): boolean {
    return node !== null && this.inForce(node) !== undefined;
  }

  /** Watches a directory. Must come before what the kernel is told is read from the branches. */
  cover(node: Node): void {
    const cover = this.covers.get(node);
    if (cover !== undefined && cover.layers === node.layers && (cover.complete || cover.released === this.released)) return;
    if (!node.removed && node.id > 0) this.coverAgain(node, cover);
  }

  /** Watches it as it is now. `byUs`: what is new in it since it was covered is ours, and known. */
  coverAgain(node: Node, cover: Cover | undefined, byUs = false): void {
    try {
      this.coverAnew(node, cover, byUs);
    } catch (error) {
      // The directory has changed under us: the operation itself will find out.
      if (!(error instanceof Errno)) throw error;
    }
  }

  private coverAnew(node: Node, former: Cover | undefined, byUs: boolean): void {
    const { u } = this;
    const { layers } = node;
    const cover: Cover = { layers, watches: new Array<number>(layers.length).fill(-1), complete: true, names: null, asked: 0, released: this.released };
    for (let i = 0; i < layers.length; i++) {
      const branch = layers[i];
      // aufs(5): natively read-only, nothing changes there.
      if (branch.spec.perm === 'rr') continue;
      const watch = branch.pace === PACE.REMOTE ? -E.EOPNOTSUPP : inotifyAddWatchFd(this.fd, u.directory(node, i), this.mask);
      if (watch < 0) {
        cover.complete = false;
        this.complain(-watch);
        continue;
      }
      cover.watches[i] = watch;
      this.claim(watch, node);
    }
    this.covers.set(node, cover);
    if (former === undefined) return;
    this.names.drop(former);
    for (const watch of former.watches) if (!cover.watches.includes(watch)) this.release(watch, node);
    if (!byUs) this.onChange(node, former, cover);
  }

  /** One directory on a branch has one watch: two nodes that lead there, one of them outdated, cannot share it. */
  private claim(watch: number, node: Node): void {
    const former = this.owners.get(watch);
    if (former !== undefined && former !== node) {
      const cover = this.covers.get(former);
      if (cover !== undefined) cover.complete = false;
    }
    this.owners.set(watch, node);
  }

  private release(watch: number, node: Node): void {
    if (watch < 0 || this.owners.get(watch) !== node) return;
    this.owners.delete(watch);
    inotifyRmWatch(this.fd, watch);
    this.released++;
  }

  /** The node goes, or what was told of its names is void. */
  uncover(node: Node): void {
    const cover = this.covers.get(node);
    if (cover === undefined) return;
    this.covers.delete(node);
    this.names.drop(cover);
    for (const watch of cover.watches) this.release(watch, node);
  }

  uncoverAll(): void {
    for (const node of [...this.covers.keys()]) this.uncover(node);
  }

  private complain(errno: number): void {
    if (this.complained) return;
    this.complained = true;
    let why = errnoName(errno);
    if (errno === E.ENOSPC) why = 'fs.inotify.max_user_watches is reached; raise it with sysctl(8)';
    else if (errno === E.EOPNOTSUPP) why = 'a branch lies on a file system that others may change unnoticed';
    this.u.hooks.log('warn', `not every directory can be watched for direct changes: ${why}. What is in the others is asked again every 50 ms`);
  }
}
