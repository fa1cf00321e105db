// Unions over temporary branches, used through paths, the way the kernel uses them: every node handed out is counted
// and given back. After each test all is closed, forgotten and removed, and what should be left of it is checked.

import {
  chmodSync, lchownSync, linkSync, lstatSync, lutimesSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync,
  renameSync, rmSync, symlinkSync, writeFileSync, type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { AT, mknodat } from '../../src/posix/directory.js';
import { Errno, must } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import { allocate } from '../../src/posix/memory.js';
import { MNT, mount, umount2 } from '../../src/posix/mount.js';
import { S, Stat } from '../../src/posix/stat.js';
import type { SetAttr } from '../../src/union/attributes.js';
import { SET } from '../../src/union/attributes.js';
import type { UnionEvent } from '../../src/union/events.js';
import type { FileHandle } from '../../src/union/file-handle.js';
import type { DirHandle } from '../../src/union/merged-directory.js';
import type { Node } from '../../src/union/node.js';
import { type BranchSpec, type UnionOptions, defaultUnionOptions } from '../../src/union/options.js';
import type { UnionState } from '../../src/union/state.js';
import { Union } from '../../src/union/union.js';

export const MEMORY = '/dev/shm';
export const DISK = '/var/tmp';

export const isRoot = process.geteuid?.() === 0;

// --- branches on disk ----------------------------------------------------------------------------

/** Attributes of an entry; times in seconds. */
export interface Extra {
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
}

/** A file's content; null for a directory; a symlink, a hard link of an earlier entry, a fifo; or those with attributes. */
export type Entry = string | null | ({ text: string } | { dir: true } | { to: string } | { same: string } | { fifo: true }) & Extra;

/** Entries by path, one character a byte, in the order they are to be made; missing parents are made too. */
export type Tree = Record<string, Entry>;

/** A path whose characters are bytes, for Node's fs. */
export function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

export function plant(root: string, tree: Tree): void {
  for (const [path, entry] of Object.entries(tree)) plantOne(root, path, entry);
  // Last, since making children changes the times and modes may forbid it.
  for (const [path, entry] of Object.entries(tree).reverse()) decorate(bytes(join(root, path)), entry);
}

function plantOne(root: string, path: string, entry: Entry): void {
  const at = bytes(join(root, path));
  mkdirSync(bytes(join(root, path, '..')), { recursive: true });
  if (entry === null) mkdirSync(at, { recursive: true });
  else if (typeof entry === 'string') writeFileSync(at, bytes(entry));
  else if ('dir' in entry) mkdirSync(at, { recursive: true });
  else if ('text' in entry) writeFileSync(at, bytes(entry.text));
  else if ('to' in entry) symlinkSync(bytes(entry.to), at);
  else if ('same' in entry) linkSync(bytes(join(root, entry.same)), at);
  else must(mknodat(AT.FDCWD, join(root, path), S.IFIFO | 0o644, 0, 0));
}

function decorate(at: Buffer, entry: Entry): void {
  if (entry === null || typeof entry === 'string') return;
  if (entry.uid !== undefined || entry.gid !== undefined) lchownSync(at, entry.uid ?? 0, entry.gid ?? 0);
  if (entry.mode !== undefined) chmodSync(at, entry.mode);
  if (entry.mtime !== undefined) lutimesSync(at, entry.mtime, entry.mtime);
}

/** Makes a file with the inode number of a removed one, which ext4 soon gives out again; false where it does not. */
export function takeInode(path: string, ino: number, text: string): boolean {
  const tried: string[] = [];
  try {
    for (let i = 0; i < 2000; i++) {
      const candidate = `${path}.${String(i)}`;
      writeFileSync(candidate, text);
      if (lstatSync(candidate).ino === ino) {
        renameSync(candidate, path);
        return true;
      }
      tried.push(candidate);
    }
    return false;
  } finally {
    for (const candidate of tried) rmSync(candidate);
  }
}

const BASE = new Set(['.wh..wh.aufs', '.wh..wh.plnk', '.wh..wh.orph']);

/** Every name on a branch but its base entries, sorted; '/' after directories, '@' after symlinks. */
export function namesOn(root: string, under = ''): string[] {
  const names: string[] = [];
  for (const name of readdirSync(bytes(join(root, under)), { encoding: 'latin1' })) {
    const path = under === '' ? name : `${under}/${name}`;
    if (BASE.has(path)) continue;
    const st = lstatSync(bytes(join(root, path)));
    names.push(path + (st.isDirectory() ? '/' : st.isSymbolicLink() ? '@' : ''));
    if (st.isDirectory()) names.push(...namesOn(root, path));
  }
  return names.sort();
}

// --- the union -----------------------------------------------------------------------------------

/** Text as in aufs(5), `rw+nolwh`. */
export function branchSpec(path: string, text = 'rw'): BranchSpec {
  const [perm, ...attributes] = text.split('+');
  const spec: BranchSpec = {
    path, perm: perm as BranchSpec['perm'], wh: false, nolwh: false, unpin: false, coo: 'none', moo: false, fhsm: false, icex: [],
  };
  for (const attribute of attributes) {
    if (attribute === 'coo_reg') spec.coo = 'reg';
    else if (attribute === 'coo_all') spec.coo = 'all';
    else if (attribute === 'wh' || attribute === 'nolwh' || attribute === 'moo') spec[attribute] = true;
    else if (attribute === 'icex') spec.icex = ['sec', 'sys', 'tr', 'usr', 'oth'];
    else throw new Error(`unknown attribute ${attribute}`);
  }
  return spec;
}

export interface Setting extends Partial<Omit<UnionOptions, 'branches'>> {
  /** The file system the branches lie on; DISK is slower. */
  on?: string;
}

/** `makeUnion(['rw', {…}], ['ro', {…}])`: branches from the top down. */
export type BranchGiven = readonly [text: string, tree?: Tree, root?: string];

const buffer = allocate(1 << 20);
const out = new Stat();

export class TestUnion {
  readonly events: UnionEvent[] = [];
  readonly logs: string[] = [];
  /** Ids of nodes told to have changed. */
  readonly changed: number[] = [];
  readonly union: Union;
  /** How often each node was handed to "the kernel". */
  private readonly handed = new Map<Node, number>();
  private readonly handles = new Set<FileHandle>();
  private readonly dirHandles = new Set<DirHandle>();
  private closed = false;

  constructor(readonly options: UnionOptions) {
    this.union = new Union(options, {
      log: (level, message) => this.logs.push(`${level}: ${message}`),
      event: (event) => this.events.push(event),
      attributesChanged: (id) => this.changed.push(id),
    });
    this.union.wantEvents = true;
  }

  /** The insides. */
  get u(): UnionState {
    return (this.union as unknown as { u: UnionState }).u;
  }

  get root(): Node {
    return this.union.root;
  }

  /** A node goes to the kernel. */
  hand(node: Node): Node {
    node.lookups++;
    this.handed.set(node, (this.handed.get(node) ?? 0) + 1);
    return node;
  }

  /** The kernel gives one node back entirely. */
  forget(node: Node): void {
    const count = this.handed.get(node) ?? 0;
    this.handed.delete(node);
    this.union.nodes.forget(node, count);
  }

  forgetAll(): void {
    for (const node of [...this.handed.keys()]) this.forget(node);
  }

  /** Whoever has something open ends. */
  releaseAll(): void {
    for (const handle of [...this.handles]) this.release(handle);
    for (const handle of [...this.dirHandles]) this.releasedir(handle);
  }

  /** Looks every component up. Null where the last one is not there. */
  look(path: string): Node | null {
    let node = this.root;
    const parts = path.split('/').filter((part) => part !== '');
    for (const [i, part] of parts.entries()) {
      const next = this.union.lookup(node, part, out);
      if (next === null) {
        if (i < parts.length - 1) throw new Errno(2, path);
        return null;
      }
      node = this.hand(next);
    }
    return node;
  }

  /** Null as well where a directory on the way is missing. */
  find(path: string): Node | null {
    let found: Node | null = null;
    failure(() => (found = this.look(path)));
    return found;
  }

  walk(path: string): Node {
    const node = this.look(path);
    if (node === null) throw new Errno(2, path);
    return node;
  }

  has(path: string): boolean {
    return this.look(path) !== null;
  }

  /** The directory's node and the last name; the last name is looked up as the kernel does before a change. */
  place(path: string): [Node, string] {
    const cut = path.lastIndexOf('/');
    const parent = this.walk(cut < 0 ? '' : path.slice(0, cut));
    const name = path.slice(cut + 1);
    const node = this.union.lookup(parent, name, out);
    if (node !== null) this.hand(node);
    return [parent, name];
  }

  stat(path: string): Stat {
    return this.statNode(this.walk(path));
  }

  statNode(node: Node, handle: FileHandle | null = null): Stat {
    const st = new Stat();
    this.union.getattr(node, handle, st);
    return st;
  }

  ino(path: string): number {
    return this.stat(path).ino;
  }

  /** Names in a directory, sorted, without '.' and '..'. */
  ls(path = ''): string[] {
    const handle = this.opendir(path);
    const names: string[] = [];
    this.union.readdir(handle, 0, (name) => {
      names.push(name);
      return true;
    });
    this.releasedir(handle);
    return names.filter((name) => name !== '.' && name !== '..').sort();
  }

  opendir(path: string): DirHandle {
    const handle = this.union.opendir(this.walk(path));
    this.dirHandles.add(handle);
    return handle;
  }

  releasedir(handle: DirHandle): void {
    this.dirHandles.delete(handle);
    this.union.releasedir(handle);
  }

  open(path: string, flags: number = O.RDONLY): FileHandle {
    return this.openNode(this.walk(path), flags);
  }

  openNode(node: Node, flags: number = O.RDONLY): FileHandle {
    const handle = this.union.open(node, flags);
    this.handles.add(handle);
    return handle;
  }

  create(path: string, flags: number = O.RDWR | O.EXCL, mode = 0o644): FileHandle {
    const [parent, name] = this.place(path);
    const handle = this.union.create(parent, name, flags, mode, out);
    this.hand(handle.node);
    this.handles.add(handle);
    return handle;
  }

  tmpfile(path = '', flags: number = O.RDWR, mode = 0o600): FileHandle {
    const handle = this.union.tmpfile(this.walk(path), flags, mode, out);
    this.hand(handle.node);
    this.handles.add(handle);
    return handle;
  }

  release(handle: FileHandle): void {
    this.handles.delete(handle);
    this.union.release(handle);
  }

  readFrom(handle: FileHandle, offset = 0, size = buffer.length): string {
    const got = this.union.read(handle, offset, size, buffer.address);
    return buffer.bytes.toString('latin1', 0, got);
  }

  writeTo(handle: FileHandle, text: string, offset = 0, kill = false): number {
    const length = buffer.bytes.write(text, 'latin1');
    return this.union.write(handle, offset, length, buffer.address, kill);
  }

  read(path: string): string {
    const handle = this.open(path);
    try {
      return this.readFrom(handle);
    } finally {
      this.release(handle);
    }
  }

  /** Writes into an existing file. */
  write(path: string, text: string, offset = 0): void {
    const handle = this.open(path, O.WRONLY);
    try {
      this.writeTo(handle, text, offset);
    } finally {
      this.release(handle);
    }
  }

  /** A new file. */
  make(path: string, text = '', mode = 0o644): Node {
    const handle = this.create(path, O.RDWR | O.EXCL, mode);
    try {
      if (text !== '') this.writeTo(handle, text);
      return handle.node;
    } finally {
      this.release(handle);
    }
  }

  mkdir(path: string, mode = 0o755): Node {
    const [parent, name] = this.place(path);
    return this.hand(this.union.mkdir(parent, name, mode, out));
  }

  mknod(path: string, mode: number, major = 0, minor = 0): Node {
    const [parent, name] = this.place(path);
    return this.hand(this.union.mknod(parent, name, mode, major, minor, out));
  }

  symlink(path: string, target: string): Node {
    const [parent, name] = this.place(path);
    return this.hand(this.union.symlink(parent, name, target, out));
  }

  readlink(path: string): string {
    return this.union.readlink(this.walk(path));
  }

  unlink(path: string): void {
    const [parent, name] = this.place(path);
    this.union.unlink(parent, name);
  }

  rmdir(path: string): void {
    const [parent, name] = this.place(path);
    this.union.rmdir(parent, name);
  }

  rename(from: string, to: string, flags = 0): void {
    const [parent, name] = this.place(from);
    const [newParent, newName] = this.place(to);
    this.union.rename(parent, name, newParent, newName, flags);
  }

  link(from: string, to: string): Node {
    return this.linkNode(this.walk(from), to);
  }

  linkNode(node: Node, to: string): Node {
    const [parent, name] = this.place(to);
    return this.hand(this.union.link(node, parent, name, out));
  }

  set(target: string | Node, change: Partial<Omit<SetAttr, 'valid'>>, more = 0, handle: FileHandle | null = null): Stat {
    const node = typeof target === 'string' ? this.walk(target) : target;
    let valid = more;
    for (const key of Object.keys(change)) {
      if (key in SET_OF) valid |= SET_OF[key as keyof typeof SET_OF];
    }
    const all = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0, ...change, valid };
    const st = new Stat();
    this.union.setattr(node, handle, all, st);
    return st;
  }

  chmod(path: string, mode: number): void {
    this.set(path, { mode });
  }

  truncate(path: string, size: number): void {
    this.set(path, { size });
  }

  setxattr(path: string, name: string, value: string, flags = 0): void {
    const length = buffer.bytes.write(value, 'latin1');
    this.union.setxattr(this.walk(path), name, buffer.address, length, flags, false);
  }

  getxattr(path: string, name: string): string {
    const got = must(this.union.getxattr(this.walk(path), name, buffer.address, 4096));
    return buffer.bytes.toString('latin1', 0, got);
  }

  listxattr(path: string): string[] {
    const got = this.union.listxattr(this.walk(path), buffer.address, 4096);
    return buffer.bytes.toString('latin1', 0, got).split('\0').filter((name) => name !== '');
  }

  /** A branch's directory on disk. */
  branch(index: number): string {
    return this.u.branches[index].path;
  }

  on(index: number, path: string): string {
    return join(this.branch(index), path);
  }

  lstat(index: number, path: string): Stats {
    return lstatSync(bytes(this.on(index, path)));
  }

  /** What lies on a branch beside its base entries. */
  names(index: number): string[] {
    return namesOn(this.branch(index));
  }

  text(index: number, path: string): string {
    return readFileSync(bytes(this.on(index, path)), 'latin1');
  }

  /** What is hidden among a writable branch's base entries, that no operation may leave there. */
  leftovers(index: number): string[] {
    return readdirSync(this.on(index, '.wh..wh.orph'), { encoding: 'latin1' });
  }

  /** The kinds and paths of the events since the last call. */
  told(): string[] {
    return this.events.splice(0).map((event) => `${event.kind} ${event.path}`);
  }

  /** The test has closed the union itself: nothing is given back. */
  abandon(): void {
    this.closed = true;
  }

  /** Gives everything back and closes. Returns what is wrong with what then is left. */
  finish(): string[] {
    if (this.closed) return [];
    this.closed = true;
    const wrong: string[] = [];
    const { nodes } = this.union;
    try {
      this.releaseAll();
      this.forgetAll();
      for (const node of nodes.all()) {
        if (node !== this.root) wrong.push(`node ${String(node.id)} ${node.path()} left (children ${String(node.children)})`);
      }
      if (nodes.size !== 1) wrong.push(`${String(nodes.size)} nodes left`);
      if (this.root.children !== 0) wrong.push(`the root has ${String(this.root.children)} children left`);
      for (const branch of this.u.branches) {
        if (branch.opens !== 0) wrong.push(`${branch.path} counts ${String(branch.opens)} open`);
        if (branch.orphanDir >= 0) wrong.push(...this.leftovers(branch.index).map((name) => `orphan ${name} left`));
      }
    } finally {
      this.union.close();
    }
    return wrong;
  }
}

const SET_OF = { mode: SET.MODE, uid: SET.UID, gid: SET.GID, size: SET.SIZE, atime: SET.ATIME, mtime: SET.MTIME } as const;

// --- each test's own things ----------------------------------------------------------------------

let unions: TestUnion[] = [];
let scratches: string[] = [];
let mounts: string[] = [];
let descriptorsBefore = new Set<string>();

/** Call once at the top of a test file: cleans up and checks after each of its tests. */
export function useUnions(): void {
  beforeEach(() => {
    descriptorsBefore = descriptors();
  });
  afterEach((context) => {
    const wrong: string[] = [];
    const errors: unknown[] = [];
    for (const union of unions) attempt(errors, () => wrong.push(...union.finish()));
    for (const path of mounts.reverse()) attempt(errors, () => must(umount2(path, MNT.DETACH), path));
    for (const path of scratches) attempt(errors, () => rmSync(path, { recursive: true, force: true }));
    unions = [];
    mounts = [];
    scratches = [];
    const left = [...descriptors()].filter((fd) => !descriptorsBefore.has(fd));
    if (context.task.result?.state === 'fail') return;
    expect(errors).toEqual([]);
    expect(wrong).toEqual([]);
    expect(left, 'descriptors left open').toEqual([]);
  });
}

function attempt(errors: unknown[], action: () => void): void {
  try {
    action();
  } catch (error) {
    errors.push(error);
  }
}

/** Open descriptors of files and directories, as `number path`; Node's own pipes, sockets and events come and go. */
function descriptors(): Set<string> {
  const found = new Set<string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const to = readlinkSync(`/proc/self/fd/${fd}`);
      if (to.startsWith('/') && !to.startsWith('/proc/')) found.add(`${fd} ${to}`);
    } catch {
      // That of the listing itself.
    }
  }
  return found;
}

/** A temporary directory of this test. */
export function scratch(on = MEMORY): string {
  const path = mkdtempSync(join(on, 'tsaufs-union-'));
  scratches.push(path);
  chmodSync(path, 0o755);
  return path;
}

/** A file system of its own and of small size, for this test (root only). Options as mount(8) has them: `size=64k`. */
export function tinyFileSystem(options: string, flags = 0): string {
  const path = scratch();
  must(mount('tsaufs-test', path, 'tmpfs', flags, options), path);
  mounts.push(path);
  return path;
}

/** Branches as plain directories with their contents, and their specs. */
export function makeBranches(given: readonly BranchGiven[], on = MEMORY): BranchSpec[] {
  const home = scratch(on);
  return given.map(([text, tree, root], i) => {
    const path = root ?? join(home, `b${String(i)}`);
    if (root === undefined) mkdirSync(path);
    plant(path, tree ?? {});
    return branchSpec(path, text);
  });
}

export function makeUnion(given: readonly BranchGiven[], setting: Setting = {}): TestUnion {
  const { on, ...options } = setting;
  return unionOver(makeBranches(given, on), options);
}

export function unionOver(branches: BranchSpec[], options: Partial<UnionOptions> = {}): TestUnion {
  const made = new TestUnion({ ...defaultUnionOptions(), ...options, branches });
  unions.push(made);
  return made;
}

/** The name of the errno an action fails with; 'success' where it does not. */
export function failure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Errno) return error.code;
    throw error;
  }
  return 'success';
}
