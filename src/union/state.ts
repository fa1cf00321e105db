// What the parts of a union share: its branches, nodes, options and the caller it works for.

import { openat, O, close } from '../posix/file.js';
import { Errno, E } from '../posix/errno.js';
import { fstat, Stat } from '../posix/stat.js';
import { setfsgid, setfsuid, umask, getegid, geteuid } from '../posix/credentials.js';
import { permissionWarning, type Branch } from './branch.js';
import { refresh } from './branch-changes.js';
import type { CopyAhead } from './copy-ahead.js';
import { DescriptorRoom } from './descriptor-room.js';
import type { UnionEvent } from './events.js';
import { type FileHandle, HandleTable } from './file-handle.js';
import { LeftBehind } from './left-behind.js';
import type { DirHandle } from './merged-directory.js';
import type { Node} from './node.js';
import { ListingRoom } from './listing-room.js';
import { NodeTable } from './node.js';
import type { UnionOptions } from './options.js';
import { Owners } from './owners.js';
import { isStricter } from './permission.js';
import { PolicyMemory } from './policy.js';
import { PseudoLinks } from './pseudo-link.js';
import { openOrigin } from './renamed-directory.js';
import type { Helpers, Work } from './suspended.js';
import { ShownTimes } from './times.js';
import type { Stale, Watch } from './watch.js';
import { caseWarning } from './whiteout.js';
import { unionInode } from './xino.js';

/** The process a request comes from; the adapter fills it in before each call. */
export interface Caller {
  uid: number;
  gid: number;
  pid: number;
  umask: number;
}

export interface Hooks {
  log(level: 'info' | 'warn' | 'error', message: string, fields?: object): void;
  event(event: UnionEvent): void;
  /**
   * A directory's attributes changed in an operation on something else (a copy-up below it): the kernel must
   * ask again. Called within the operation; optional, for adapters that cannot tell the kernel.
   */
  attributesChanged?(node: number, listing: boolean): void;
  /** Much of the heap is garbage now; optional. */
  memoryFreed?(): void;
  /** Branches came or went: the kernel must look every name up again. */
  branchesChanged?(): void;
  /** Events were lost, or permissions of lower branches begin to count: nothing that the kernel knows may stay. */
  allChanged?(): void;
  /** Something was changed directly on a branch; takes effect soon. Without it branches are not watched. */
  stale?(what: Stale): void;
  /** Whether what `stale` says is told at once, rather than later; once true it stays so. Absent: it is. */
  tellsStale?(): boolean;
}

const opened = new Stat();
const top = new Stat();

/** Directories whose descriptors stay open before the least used are closed. */
const DIRECTORIES_KEPT_OPEN = 1024;
/** The same when descriptors are scarce. */
const DIRECTORIES_KEPT_AT_LEAST = 32;

export class UnionState {
  branches: Branch[] = [];
  /** Grows with every change of the branches; nodes found earlier are looked up again. */
  epoch = 1;
  readonly nodes = new NodeTable();
  readonly files = new HandleTable<FileHandle>();
  readonly directories = new HandleTable<DirHandle>();
  readonly room = new DescriptorRoom();
  readonly listings = new ListingRoom();
  readonly plinks = new PseudoLinks(() => this.branches);
  readonly policy = new PolicyMemory();
  readonly shownTimes = new ShownTimes();
  readonly leftBehind = new LeftBehind();
  /** Null outside a mount that is being served: then all work is done at once. */
  helpers: Helpers | null = null;
  /** What the request of the moment was suspended for; null for one that begins. */
  resumed: Work | null = null;
  /** Copy-ups whose data a helper copies or has copied. */
  readonly copies = new Map<Node, CopyAhead>();
  /** Null with udba=none, and where nobody could be told. */
  watch: Watch | null = null;
  /** Null where owners are shown as they are on the branches. */
  readonly owners: Owners | null;
  /** By the owners on the branches. */
  readonly caller: Caller;
  /** Somebody listens. To be tested before `event` is called, so that nobody pays for events that nobody hears. */
  wantEvents = false;
  /** He wants to hear of lookups, too. */
  wantLookups = false;
  /** What was complained of about renamed directories, each once. */
  readonly warned = new Set<string>();
  root!: Node;
  /** Scratch attributes for work inside an operation. */
  readonly scratch = new Stat();

  /** May act as any caller: the daemon runs as root (also inside a user namespace). */
  readonly privileged = geteuid() === 0;
  /** Who makes what is made for no caller. */
  readonly uid = geteuid();
  readonly gid = getegid();
  private fsuid = 0;
  private fsgid = 0;
  private mask = -1;

  constructor(
    public options: UnionOptions,
    readonly hooks: Hooks,
  ) {
    this.owners = Owners.of(options);
    this.caller = this.owners?.caller() ?? { uid: 0, gid: 0, pid: 0, umask: 0o022 };
    this.nodes.onShrink = () => this.hooks.memoryFreed?.();
    this.nodes.onDrop = (node) => {
      if (node.fds !== null) this.openDirectories.delete(node);
      if (node.isDirectory) this.watch?.coverage.uncover(node);
      else this.leftBehind.forget(node);
    };
  }

  // --- whom we act for -----------------------------------------------------------------------

  /**
   * The next system call creates as the caller: owner, group and umask (the kernel's own rules for
   * setgid directories and default ACLs then hold). Permission was checked by the kernel already;
   * the thread keeps its capabilities (credentials.keepCapabilities). Only for the one call.
   */
  asCaller(): void {
    const { uid, gid, umask: wanted } = this.caller;
    if (wanted !== this.mask) {
      umask(wanted);
      this.mask = wanted;
    }
    if (!this.privileged) return;
    if (gid !== this.fsgid) this.fsgid = (setfsgid(gid), gid);
    if (uid !== this.fsuid) this.fsuid = (setfsuid(uid), uid);
  }

  asSelf(): void {
    if (this.fsuid !== 0) this.fsuid = (setfsuid(0), 0);
    if (this.fsgid !== 0) this.fsgid = (setfsgid(0), 0);
  }

  // --- descriptors of directories on their branches ---------------------------------------------

  /** Directory nodes with open descriptors, least recently opened first. */
  private readonly openDirectories = new Set<Node>();

  /**
   * A descriptor (O_PATH) of the directory on layers[layer]. Opened from the parent's, name by name and
   * never through a symlink, so that nobody who can change a branch leads us out of it.
   * Valid until the operation ends; closed by `trimDirectories` between operations.
   */
  directory(node: Node, layer: number): number {
    const cached = node.fds?.[layer] ?? -1;
    if (cached >= 0) return cached;
    const fd = this.openDirectory(node, layer);
    let fds = node.fds;
    if (fds === null) {
      fds = node.fds = new Array<number>(node.layers.length).fill(-1);
      this.openDirectories.add(node);
    }
    fds[layer] = fd;
    this.room.opened(fd);
    return fd;
  }

  /** The same descriptor, the caller's from now on. */
  takeDirectory(node: Node, layer: number): number {
    const fd = this.directory(node, layer);
    if (node.fds !== null) node.fds[layer] = -1;
    return fd;
  }

  private openDirectory(node: Node, layer: number): number {
    const { parent } = node;
    const branch = node.layers[layer];
    if (node.removed) throw new Errno(E.ENOENT);
    if (parent === null) return this.reopenRoot(branch);
    const origin = node.origins?.get(branch) ?? node.name;
    const fd = origin.startsWith('/') ? openOrigin(branch, origin) : this.openBeside(parent, branch, origin);
    if (fd < 0) throw new Errno(fd === -E.ENOTDIR || fd === -E.ELOOP || fd === -E.ENOENT ? E.ESTALE : -fd);
    if (this.isAsChecked(node, layer, fd)) return fd;
    close(fd);
    throw new Errno(E.ESTALE);
  }

  /**
   * The kernel lets callers in by what it was told of the node: whoever owns the directory above must not have put
   * another, which may be closed to them, under its name since.
   */
  private isAsChecked(node: Node, layer: number, fd: number): boolean {
    const branch = node.layers[layer];
    if (fstat(fd, opened) < 0) return false;
    if (layer === 0) return unionInode(branch, opened) === node.ino || branch.home.inodes.forgets;
    if (node.restricted || this.options.dirperm1) return true;
    if (fstat(this.directory(node, 0), top) < 0) return false;
    node.restricted = isStricter(top, opened);
    return !node.restricted;
  }

  private openBeside(parent: Node, branch: Branch, name: string): number {
    const layer = parent.layerOf(branch);
    if (layer < 0) throw new Errno(E.ESTALE);
    return openat(this.directory(parent, layer), name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
  }

  private reopenRoot(branch: Branch): number {
    const fd = openat(branch.root, '.', O.PATH | O.DIRECTORY, 0);
    if (fd < 0) throw new Errno(-fd);
    return fd;
  }

  /** A directory below, for one look: close it with `closeChild`. */
  openChild(parent: Node, layer: number, name: string): number {
    const fd = openat(this.directory(parent, layer), name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
    if (fd < 0) throw new Errno(-fd);
    return fd;
  }

  closeChild(fd: number): void {
    close(fd);
  }

  /** The directory's descriptor on a branch it is known to lie on. */
  directoryOn(node: Node, branch: Branch): number {
    const layer = node.layerOf(branch);
    if (layer < 0) throw new Errno(E.ESTALE);
    return this.directory(node, layer);
  }

  /** The known directories with open descriptors that were found under a name. */
  directoriesAt(parent: Node, name: string): Node[] {
    const found: Node[] = [];
    for (const node of this.openDirectories) if (node.parent === parent && node.name === name) found.push(node);
    return found;
  }

  /** Called between operations, when no descriptor handed out by `directory` is in use. */
  trimDirectories(): void {
    const kept = this.room.scarce ? DIRECTORIES_KEPT_AT_LEAST : DIRECTORIES_KEPT_OPEN;
    if (this.openDirectories.size <= kept) return;
    let surplus = this.openDirectories.size - kept / 2;
    for (const node of this.openDirectories) {
      if (surplus-- <= 0) break;
      this.forgetDescriptors(node);
    }
  }

  /** Closes a directory's descriptors: its layers are about to change, or room is needed. */
  forgetDescriptors(node: Node): void {
    const { fds } = node;
    if (fds === null) return;
    for (const fd of fds) if (fd >= 0) close(fd);
    node.fds = null;
    this.openDirectories.delete(node);
  }

  /** The directory now lies on `branch` too (copy-up), above or between its layers. */
  addLayer(node: Node, branch: Branch): void {
    const { layers, fds } = node;
    if (layers.includes(branch)) return;
    let at = 0;
    while (at < layers.length && (layers[at]).index < branch.index) at++;
    node.layers = [...layers.slice(0, at), branch, ...layers.slice(at)];
    fds?.splice(at, 0, -1);
  }

  /** Looks a node's layers up again if branches came or went since. Called at the start of every operation. */
  refresh(node: Node): void {
    if (node.epoch !== this.epoch) refresh(this, node);
  }

  // --- events -----------------------------------------------------------------------------------

  /** Tells of an event, where `wantEvents`. */
  event(kind: UnionEvent['kind'], branch: Branch, path: string, more?: Partial<UnionEvent>): void {
    this.hooks.event({ kind, path, branch: branch.path, pid: this.caller.pid, ...more });
  }

  /** Says in the log what is strange about a branch; of its permissions with warn_perm only. */
  warnOf(branch: Branch): void {
    const warnings = [this.options.warnPerm ? permissionWarning(this.branches[0], branch) : null, branch.writable ? caseWarning(branch) : null];
    for (const warning of warnings) if (warning !== null) this.hooks.log('warn', warning);
  }

}
