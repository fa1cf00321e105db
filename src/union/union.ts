// The union: AUFS's semantics behind methods named after system calls. It knows neither FUSE nor the command
// line, runs on one thread, and throws Errno where the system call would fail.

import { Errno } from '../posix/errno.js';
import type { Stat } from '../posix/stat.js';
import { readlinkat } from '../posix/directory.js';
import type { StatFs } from '../posix/statfs.js';
import { getattr, setattr, type SetAttr } from './attributes.js';
import { BranchOpener } from './branch.js';
import { Commands, type ShownBranch } from './commands.js';
import { giveUpCopies, sweepCopies } from './copy-ahead.js';
import { create, mkdir, mknod, symlink, tmpfile } from './create.js';
import {
  type FileHandle, allocateSpace, copyRange, fsyncFile, open, passThrough, prefill, read, release, seek, write,
} from './file-handle.js';
import { closeAll, makeRoot, openBranches } from './first-and-last.js';
import { link } from './link.js';
import { lookup } from './lookup.js';
import {
  type DirHandle, fsyncdir, opendir, readdir, readdirInto, readdirplus, releasedir,
} from './merged-directory.js';
import type { Node } from './node.js';
import type { UnionOptions } from './options.js';
import { placeOf } from './place.js';
import { recoverPseudoLinks } from './pseudo-link-recovery.js';
import { rename } from './rename.js';
import { rmdir, unlink } from './remove.js';
import { type Caller, type Hooks, UnionState } from './state.js';
import { statfs } from './statfs.js';
import { syncAll } from './slow-call.js';
import type { Helpers, Work } from './suspended.js';
import { attributeSeconds, mayCacheListing, nameSeconds } from './trust.js';
import { Watch } from './watch.js';
import { getxattr, listxattr, removexattr, setxattr } from './xattr.js';
import { type XinoPlace, checkXino, xinoPlace } from './xino-file.js';

export { UnionError } from './branch.js';

export class Union {
  private readonly u: UnionState;
  private readonly opener: BranchOpener;
  private readonly xino: XinoPlace | null;
  /**
   * Directories that are open with a listing that the kernel may keep. Only one handle at a time fills its cache: two that
   * began before and after a change would put the old names into the new cache.
   */
  private readonly listedForCache = new Set<Node>();
  private readonly commands: Commands;

  /** Opens the branches and makes AUFS's entries on the writable ones. Throws UnionError; nothing stays open then. */
  constructor(options: UnionOptions, hooks: Hooks) {
    this.u = new UnionState(options, hooks);
    const xino = xinoPlace(options, () => this.u.branches);
    this.xino = xino;
    this.opener = new BranchOpener(xino === null ? null : () => xino.open());
    this.commands = new Commands(this.u, this.opener, () => this.watchAsAsked());
    try {
      checkXino(options);
      openBranches(this.u, this.opener);
      makeRoot(this.u);
      recoverPseudoLinks(this.u);
      this.watchAsAsked();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get caller(): Caller {
    return this.u.caller;
  }

  get root(): Node {
    return this.u.root;
  }

  get nodes(): UnionState['nodes'] {
    return this.u.nodes;
  }

  get wantEvents(): boolean {
    return this.u.wantEvents;
  }

  set wantEvents(on: boolean) {
    this.u.wantEvents = on;
  }

  get wantLookups(): boolean {
    return this.u.wantLookups;
  }

  set wantLookups(on: boolean) {
    this.u.wantLookups = on;
  }

  // --- work that takes long (suspended.ts) ------------------------------------------------------

  /** From now on large copies and the like are done by helpers, and operations throw Suspended. */
  set helpers(helpers: Helpers | null) {
    this.u.helpers = helpers;
  }

  /** What the request that comes next was suspended for; null again after it. */
  set resumed(work: Work | null) {
    this.u.resumed = work;
  }

  /** After those that waited have begun anew, all that could. */
  allResumed(): void {
    sweepCopies(this.u);
  }

  // --- direct changes of branches (watch.ts) ---------------------------------------------------

  private watchAsAsked(): void {
    const { u } = this;
    const wanted = u.options.udba !== 'none' && u.hooks.stale !== undefined;
    if (wanted === (u.watch !== null)) return;
    u.watch?.close();
    u.watch = wanted ? Watch.start(u) : null;
  }

  /** A descriptor that can be read when branches were changed; then `notice` is to be called. -1: there is none. */
  get changes(): number {
    return this.u.watch?.fd ?? -1;
  }

  /** Tells, by the hook `stale`, what others changed. Between requests. True: nothing, the events were of our own writes. */
  notice(): boolean {
    return this.u.watch?.noticeOthers() ?? false;
  }

  /** To be called after the reply to each request, with its error (positive) or 0. */
  settled(error: number): void {
    this.u.watch?.settled(error);
  }

  cacheSeconds(directory: Node): number {
    return nameSeconds(this.u, directory);
  }

  attributeSeconds(node: Node, attributes: Stat): number {
    return attributeSeconds(this.u, node, attributes);
  }

  fileHandle(id: number): FileHandle | undefined {
    return this.u.files.get(id);
  }

  dirHandle(id: number): DirHandle | undefined {
    return this.u.directories.get(id);
  }

  branches(): ShownBranch[] {
    return this.commands.branches();
  }

  lookup(parent: Node, name: string, out: Stat): Node | null {
    this.u.trimDirectories();
    this.u.watch?.coverage.cover(parent);
    this.u.watch?.look(parent);
    return lookup(this.u, parent, name, out);
  }

  getattr(node: Node, handle: FileHandle | null, out: Stat): void {
    if (node.isDirectory) this.u.watch?.coverage.cover(node);
    const current = this.u.leftBehind.current(this.u, node);
    getattr(this.u, current, current === node ? handle : null, out);
  }

  setattr(node: Node, handle: FileHandle | null, change: SetAttr, out: Stat): void {
    const current = this.u.leftBehind.current(this.u, node);
    this.u.owners?.take(change);
    setattr(this.u, current, current === node ? handle : null, change, out);
  }

  readlink(node: Node): string {
    this.u.refresh(node);
    const { fd, name } = placeOf(this.u, node);
    const target = readlinkat(fd, name);
    if (typeof target === 'number') throw new Errno(-target);
    return target;
  }

  symlink(parent: Node, name: string, target: string, out: Stat): Node {
    this.u.watch?.look(parent);
    return symlink(this.u, parent, name, target, out);
  }

  mknod(parent: Node, name: string, mode: number, rdevMajor: number, rdevMinor: number, out: Stat): Node {
    this.u.watch?.look(parent);
    return mknod(this.u, parent, name, mode, rdevMajor, rdevMinor, out);
  }

  mkdir(parent: Node, name: string, mode: number, out: Stat): Node {
    this.u.watch?.look(parent);
    return mkdir(this.u, parent, name, mode, out);
  }

  unlink(parent: Node, name: string): void {
    this.u.watch?.look(parent);
    unlink(this.u, parent, name);
  }

  rmdir(parent: Node, name: string): void {
    this.u.watch?.look(parent);
    rmdir(this.u, parent, name);
  }

  rename(parent: Node, name: string, newParent: Node, newName: string, flags: number): void {
    this.u.watch?.look(parent);
    if (newParent !== parent) this.u.watch?.look(newParent);
    rename(this.u, parent, name, newParent, newName, flags);
  }

  link(node: Node, newParent: Node, newName: string, out: Stat): Node {
    this.u.watch?.look(newParent);
    return link(this.u, this.u.leftBehind.current(this.u, node), newParent, newName, out);
  }

  open(node: Node, flags: number, killSuidgid = false): FileHandle {
    return open(this.u, node, flags, killSuidgid);
  }

  create(parent: Node, name: string, flags: number, mode: number, out: Stat, killSuidgid = false): FileHandle {
    this.u.watch?.look(parent);
    return create(this.u, parent, name, flags, mode, out, killSuidgid);
  }

  tmpfile(parent: Node, flags: number, mode: number, out: Stat): FileHandle {
    return tmpfile(this.u, parent, flags, mode, out);
  }

  read(handle: FileHandle, offset: number, size: number, address: number): number {
    return read(this.u, handle, offset, size, address);
  }

  write(handle: FileHandle, offset: number, size: number, address: number, killSuidgid: boolean): number {
    return write(this.u, handle, offset, size, address, killSuidgid);
  }

  release(handle: FileHandle): void {
    release(this.u, handle);
  }

  prefill(handle: FileHandle, address: number, most: number): number {
    return prefill(handle, address, most);
  }

  passedThrough(handle: FileHandle): void {
    passThrough(this.u, handle);
  }

  fsync(handle: FileHandle, datasync: boolean): void {
    fsyncFile(this.u, handle, datasync);
  }

  fallocate(handle: FileHandle, mode: number, offset: number, length: number): void {
    allocateSpace(this.u, handle, mode, offset, length);
  }

  lseek(handle: FileHandle, offset: number, whence: number): number {
    return seek(this.u, handle, offset, whence);
  }

  copyFileRange(input: FileHandle, offIn: number, output: FileHandle, offOut: number, length: number): number {
    return copyRange(this.u, input, offIn, output, offOut, length);
  }

  opendir(node: Node): DirHandle {
    this.u.trimDirectories();
    this.u.watch?.coverage.cover(node);
    const handle = opendir(this.u, node);
    handle.cacheable = !this.listedForCache.has(node) && mayCacheListing(this.u, node);
    if (handle.cacheable) this.listedForCache.add(node);
    return handle;
  }

  readdir(handle: DirHandle, cookie: number, sink: (name: string, type: number, ino: number, next: number) => boolean): void {
    readdir(this.u, handle, cookie, sink);
  }

  readdirInto(handle: DirHandle, cookie: number, to: Buffer, room: number): number {
    return readdirInto(this.u, handle, cookie, to, room);
  }

  readdirplus(
    handle: DirHandle, cookie: number, out: Stat,
    sink: (name: string, type: number, ino: number, next: number, node: Node | null) => boolean,
  ): void {
    readdirplus(this.u, handle, cookie, out, sink);
  }

  releasedir(handle: DirHandle): void {
    if (handle.cacheable) this.listedForCache.delete(handle.node);
    releasedir(this.u, handle);
  }

  fsyncdir(handle: DirHandle, datasync: boolean): void {
    void datasync;
    fsyncdir(this.u, handle);
  }

  statfs(out: StatFs): void {
    statfs(this.u, out);
  }

  getxattr(node: Node, name: string, address: number, size: number): number {
    return getxattr(this.u, this.u.leftBehind.current(this.u, node), name, address, size);
  }

  setxattr(node: Node, name: string, address: number, size: number, flags: number, aclKillSgid: boolean): void {
    setxattr(this.u, this.u.leftBehind.current(this.u, node), name, address, size, flags, aclKillSgid);
  }

  listxattr(node: Node, address: number, size: number): number {
    return listxattr(this.u, this.u.leftBehind.current(this.u, node), address, size);
  }

  removexattr(node: Node, name: string): void {
    removexattr(this.u, this.u.leftBehind.current(this.u, node), name);
  }

  syncfs(): void {
    syncAll(this.u);
  }

  /** What the daemon asks beside file operations; the argument is plain data (see RemountStep in options/remount.ts). */
  command(name: string, argument: unknown): unknown {
    return this.commands.call(name, argument);
  }

  /** The names that the kernel may have cached, for adapters that have to take them back one by one. */
  *names(): Generator<{ parent: number; name: string }> {
    for (const node of this.u.nodes.all()) {
      if (node.parent !== null && node.parent.id > 0) yield { parent: node.parent.id, name: node.name };
      for (const link of node.links ?? []) if (link.parent.id > 0) yield { parent: link.parent.id, name: link.name };
    }
  }

  /** After the unmount: no descriptor and no temporary of ours stays. */
  close(): void {
    this.commands.close();
    giveUpCopies(this.u);
    this.u.helpers = null;
    this.commands.flushPlinks();
    closeAll(this.u);
    this.opener.close();
    this.xino?.close();
  }
}
