// Direct changes of branches (aufs(5), "User's Direct Branch Access"): with udba=reval and udba=notify every
// directory whose names the kernel was told is watched on all its branches, inotify(7). So long the kernel may keep what
// it was told; a change made past the union is told to the kernel, name by name.
//
// The events are read by the thread that serves the union, between requests. It knows its own changes (own-changes.ts), whose
// events say nothing new: `settled` after the reply compares.

import { E, Errno, errnoName } from '../posix/errno.js';
import { close, read } from '../posix/file.js';
import { IN, inotifyInit, visitInotify } from '../posix/inotify.js';
import { allocate } from '../posix/memory.js';
import { S, Stat, statat } from '../posix/stat.js';
import { knownDirectories, lookAgain, namesOnLayer } from './changed-directory.js';
import { type Cover, Coverage, has } from './coverage.js';
import { WHITEOUT_PREFIX } from './name.js';
import type { LayerNames } from './known-names.js';
import type { Node } from './node.js';
import { ALTERED, GONE, OwnChanges, THERE } from './own-changes.js';
import type { UnionState } from './state.js';
import { OPAQUE_MARK } from './whiteout.js';
import { unionInode } from './xino.js';

/** What the kernel shall forget; the numbers are node ids. */
export type Stale =
  /** A name. `expire`: look it up again; else drop it with all below it, be it a mount point. */
  | { kind: 'entry'; parent: number; name: string; expire: boolean }
  /** A node's attributes and, from `offset` on, its pages (0: all; -1: none). */
  | { kind: 'inode'; node: number; offset: number; length: number };

const MASK = THERE | GONE | ALTERED | IN.DELETE_SELF | IN.MOVE_SELF | IN.ONLYDIR | IN.EXCL_UNLINK;

/** For people: how much there was to do. */
export interface WatchStats {
  watches: number;
  events: number;
  own: number;
  told: number;
}

export class Watch {
  /** The inotify descriptor, not blocking. */
  readonly fd: number;
  /** Which directories are watched. */
  readonly coverage: Coverage;
  private readonly block = allocate(64 * 1024);
  private readonly stat = new Stat();
  private events = 0;
  private ownEvents = 0;
  private told = 0;

  /** What the operation of the moment is about to change itself; to be told before it does. */
  readonly own: OwnChanges;
  /** Directories of which something was told within one reading of events. */
  private readonly toldDirectories = new Set<Node>();

  private constructor(private readonly u: UnionState, fd: number) {
    this.fd = fd;
    this.coverage = new Coverage(u, fd, MASK, (node, former, cover) => this.compare(node, former, cover));
    this.own = new OwnChanges(() => this.beforeOwn());
  }

  /** Null where no inotify instance is to be had: said once, and the kernel then asks often. */
  static start(u: UnionState): Watch | null {
    const fd = inotifyInit();
    if (fd >= 0) return new Watch(u, fd);
    const what = fd === -E.EMFILE ? 'fs.inotify.max_user_instances is reached' : errnoName(-fd);
    u.hooks.log('warn', `changes made directly on branches cannot be watched (${what}); names and attributes are asked again every 50 ms`);
    return null;
  }

  close(): void {
    close(this.fd);
  }

  stats(): WatchStats {
    return { watches: this.coverage.watches, events: this.events, own: this.ownEvents, told: this.told };
  }

  /** All events are taken that were there when the operation of the moment began. */
  private fresh = false;

  /** Just mounted, nobody may be there yet to tell the kernel: until then it shall not rely on being told. */
  private heard = false;

  /** Whether the kernel is told at once of what changes. */
  tellsAtOnce(): boolean {
    if (!this.heard) this.heard = this.u.hooks.tellsStale?.() ?? true;
    return this.heard;
  }

  /** At the start of an operation on a name in `node`: what is known of its names is brought up to date. */
  look(node: Node): void {
    const cover = this.coverage.inForce(node);
    if (cover === undefined || !this.coverage.names.wanted(node, cover)) return;
    // Not trusted while the events are being taken: what they bring about looks names up itself.
    this.fresh = false;
    if (!this.own.urgent) this.notice();
    this.fresh = true;
  }

  /**
   * The names in a directory, until `settled`; null where they are not known. What the operation itself has changed is
   * not in it.
   */
  namesOf(node: Node): LayerNames | null {
    return this.fresh ? (this.coverage.inForce(node)?.names ?? null) : null;
  }

  /** From here on the operation of the moment looks for names that it has made itself: the branches are asked. */
  distrustNames(): void {
    this.fresh = false;
  }

  /** A handle that wrote to the file without asking us is closed: what it wrote has told its events. */
  wrotePast(node: Node): void {
    if (!this.own.urgent) this.notice();
    this.own.wrotePast(node);
  }

  /** What others did until now must not be taken for ours. */
  private beforeOwn(): void {
    if (!this.fresh) this.notice();
  }

  /** `notice`; returns whether nothing but our own writes was seen. */
  noticeOthers(): boolean {
    const { events, ownEvents } = this;
    this.notice();
    return this.events > events && this.events - events === this.ownEvents - ownEvents;
  }

  /** Between requests: tells the kernel what others changed. */
  notice(): void {
    if (this.own.urgent) return this.settled(0);
    this.takeEvents();
    this.own.clear();
  }

  /** After each reply to the kernel; `error` is the operation's, 0 for success. */
  settled(error: number): void {
    this.fresh = false;
    if (this.own.urgent) {
      // What a failed operation has changed all the same, the kernel does not know.
      if (error !== 0) this.own.disown();
      try {
        this.takeEvents();
        this.coverWhatGrew();
      } finally {
        this.own.clear();
      }
    } else if (error === E.ESTALE || error === E.ENOENT) {
      // The kernel looks again: it should find what there is.
      this.notice();
    }
  }

  /** A directory of a promise still valid got a layer, by copy-up. */
  private coverWhatGrew(): void {
    for (const { node } of this.own.expected) {
      for (let n: Node | null = node; n !== null; n = n.parent) {
        const cover = this.coverage.of(n);
        if (cover === undefined) continue;
        if (cover.layers === n.layers) break;
        this.coverage.coverAgain(n, cover, true);
      }
    }
  }

  // --- events ----------------------------------------------------------------------------------------

  /** Descriptors of directories may be closed in it: not while an operation holds one. */
  private takeEvents(): void {
    for (;;) {
      const length = read(this.fd, this.block.address, this.block.length);
      if (length <= 0) return;
      visitInotify(this.block, length, this.take);
      this.toldDirectories.clear();
      // An event has at most 16 + 256 bytes: there was room for another.
      if (length < this.block.length - 512) return;
    }
  }

  // A property, made once: it is handed out as a function.
  private readonly take = (watch: number, mask: number, name: string): void => {
    this.events++;
    if (mask & IN.Q_OVERFLOW) return this.lostEvents();
    const node = this.coverage.ownerOf(watch);
    if (node === undefined) return;
    const cover = this.coverage.of(node);
    if (cover !== undefined) this.coverage.names.happened(cover, cover.watches.indexOf(watch), name, mask);
    try {
      if (name === '') this.itself(node, watch, mask);
      else if (name.startsWith(WHITEOUT_PREFIX)) this.hidden(node, name, mask);
      else this.named(node, watch, name, mask);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      // The branch has changed on: more events say how.
    }
  };

  /** Something happened to a watched directory. */
  private itself(node: Node, watch: number, mask: number): void {
    if (this.own.has(node, '', mask)) {
      this.ownEvents++;
      return;
    }
    if (mask & (IN.IGNORED | IN.UNMOUNT)) {
      this.coverage.lost(watch);
    }
    if (mask & (IN.IGNORED | IN.UNMOUNT | IN.DELETE_SELF | IN.MOVE_SELF)) this.changed(node, mask & IN.MOVE_SELF ? 'moved' : 'deleted');
    else if (mask & IN.ATTRIB) this.tell({ kind: 'inode', node: node.id, offset: -1, length: 0 });
  }

  /** A whiteout, or another name of AUFS's own. */
  private hidden(node: Node, name: string, mask: number): void {
    if (name === OPAQUE_MARK) {
      // Made with the directory, by us, where nothing was told of it.
      if (!this.own.has(node, name, mask)) this.changed(node, 'moved');
      return;
    }
    if (name.startsWith(WHITEOUT_PREFIX, WHITEOUT_PREFIX.length)) return;
    const what = name.slice(WHITEOUT_PREFIX.length);
    // Where a name goes its whiteout comes, and the other way round.
    const meaning = (mask & THERE ? GONE : 0) | (mask & GONE ? THERE : 0);
    if (meaning === 0 || this.own.has(node, what, meaning)) this.ownEvents++;
    else this.nameChanged(node, what);
    if (this.u.options.shwh) this.nameChanged(node, name);
  }

  private named(node: Node, watch: number, name: string, mask: number): void {
    if (this.own.has(node, name, mask)) {
      this.ownEvents++;
      return;
    }
    if (mask & IN.ISDIR && mask & (THERE | GONE)) {
      const how = mask & IN.DELETE ? 'deleted' : mask & IN.MOVED_FROM ? 'moved' : 'made';
      for (const child of knownDirectories(this.u, node, name)) this.changed(child, how);
    }
    this.nameChanged(node, name);
    if (mask & IN.CREATE) this.inodeMade(node, watch, name);
    if (mask & ALTERED) this.inodeChanged(node, watch, name, (mask & IN.MODIFY) !== 0);
  }

  private nameChanged(node: Node, name: string): void {
    this.tell({ kind: 'entry', parent: node.id, name, expire: true });
    node.version++;
    if (this.toldDirectories.has(node)) return;
    this.toldDirectories.add(node);
    // Its times, its count of links, and a listing that the kernel may have.
    this.tell({ kind: 'inode', node: node.id, offset: 0, length: 0 });
  }

  /** The node that a name on a watched layer leads to, if the kernel knows it; its attributes in `stat`. */
  private inodeAt(node: Node, watch: number, name: string): Node | undefined {
    const { u, stat } = this;
    const layer = this.coverage.of(node)?.watches.indexOf(watch) ?? -1;
    if (layer < 0 || statat(u.directory(node, layer), name, stat) < 0) return undefined;
    const inode = u.nodes.find(unionInode(node.layers[layer], stat));
    return inode?.type === (stat.mode & S.IFMT) ? inode : undefined;
  }

  /** The number of a file that was removed, given out again: what the kernel has cached of that one is not of this. */
  private inodeMade(node: Node, watch: number, name: string): void {
    const former = this.inodeAt(node, watch, name);
    if (former !== undefined && !former.isDirectory && this.stat.nlink === 1) this.u.nodes.disown(former);
  }

  /** Who has the file open does not look its name up again. */
  private inodeChanged(node: Node, watch: number, name: string, content: boolean): void {
    const inode = this.inodeAt(node, watch, name);
    if (inode === undefined) return;
    if (content) {
      inode.writtenHere = false;
      inode.cachedMtime = -1;
    }
    this.tell({ kind: 'inode', node: inode.id, offset: content ? 0 : -1, length: 0 });
  }

  /**
   * A directory that we know lies elsewhere, or on other branches, now.
   */
  private changed(node: Node, how: 'made' | 'moved' | 'deleted'): void {
    const { u } = this;
    const { parent, name } = node;
    if (node.removed || parent === null) return;
    const cover = this.coverage.of(node);
    if (lookAgain(u, node)) {
      if (cover !== undefined) this.coverage.coverAgain(node, cover);
    } else if (how === 'deleted') {
      // Its number may come again for another.
      this.coverage.uncover(node);
      u.nodes.disown(node);
    }
    // The listing of what lies elsewhere now.
    this.tell({ kind: 'inode', node: node.id, offset: 0, length: 0 });
    // One that was moved stays watched: a lookup will meet it again, with what the kernel knows of its names.
    this.tell({ kind: 'entry', parent: parent.id, name, expire: true });
  }

  /** A lookup met a directory somewhere else than it was, or with other layers. */
  met(node: Node): void {
    const cover = this.coverage.of(node);
    if (cover !== undefined) this.coverage.coverAgain(node, cover);
  }

  /** What came with new layers, and what went with old ones. */
  private compare(node: Node, former: Cover, cover: Cover): void {
    for (let i = 0; i < cover.layers.length; i++) {
      if (has(former, cover, i)) continue;
      namesOnLayer(this.u, node, i, (name) => {
        const plain = name.startsWith(WHITEOUT_PREFIX) ? name.slice(WHITEOUT_PREFIX.length) : name;
        if (!plain.startsWith(WHITEOUT_PREFIX)) this.nameChanged(node, plain);
      });
    }
    for (let i = 0; i < former.layers.length; i++) if (!has(cover, former, i)) return this.void(node);
  }

  /** Nothing that was told of what is in a directory holds any longer. */
  private void(node: Node): void {
    const { parent, name } = node;
    if (parent === null) {
      this.u.hooks.allChanged?.();
      return;
    }
    this.tell({ kind: 'entry', parent: parent.id, name, expire: false });
    this.tell({ kind: 'inode', node: node.id, offset: 0, length: 0 });
    // What is in use stays known to the kernel all the same.
    for (const child of this.u.nodes.all()) if (child.parent === node) this.nameChanged(node, child.name);
  }

  /** More happened than the kernel keeps events for: everything is looked at again. */
  private lostEvents(): void {
    const { u } = this;
    for (const node of u.nodes.all()) {
      if (node.isDirectory && !node.removed && node.parent !== null) this.lookAgainQuietly(node);
      this.tell({ kind: 'inode', node: node.id, offset: 0, length: 0 });
    }
    this.coverage.uncoverAll();
    u.hooks.allChanged?.();
  }

  /** A branch that fails is the matter of whoever uses it. */
  private lookAgainQuietly(node: Node): void {
    try {
      lookAgain(this.u, node);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
    }
  }

  private tell(what: Stale): void {
    this.told++;
    this.u.hooks.stale?.(what);
  }
}
