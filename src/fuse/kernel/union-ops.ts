/**
 * What the kernel adapter asks of the file system it serves: the methods of `Union` it calls, and no more
 * of a node or a handle than it touches. `Union` satisfies it; so does a small test double.
 *
 * A method throws `Errno` to fail. The ones that return a count may return -errno instead.
 */
import type { Stat } from '../../posix/stat.js';
import type { SetAttr } from '../../union/attributes.js';
import type { Helpers, Work } from '../../union/suspended.js';
import type { StatFs } from '../../posix/statfs.js';

export interface UnionNode {
  readonly id: number;
  readonly generation: number;
  /** How many times the kernel was told this node; the adapter counts up and `forget` counts down. */
  lookups: number;
}

export interface UnionFileHandle {
  readonly id: number;
  readonly node: UnionNode;
  /** What the page cache holds of this file is still right. */
  readonly keepCache: boolean;
  readonly direct: boolean;
  /** A descriptor of the file on its branch, and whether the kernel may be passed through to it. */
  readonly fd: number;
  readonly passable: boolean;
  /** It was passed through. */
  passed: boolean;
}

export interface UnionDirHandle {
  readonly id: number;
  readonly node: UnionNode;
  /** The kernel may keep the listing until it is told otherwise. */
  readonly cacheable: boolean;
}

/** Takes one directory entry; false when it did not fit and was not consumed. */
export type EntrySink = (name: string, type: number, ino: number, next: number) => boolean;
/** The same with the entry's node, its attributes being in the Stat given to readdirplus. */
export type EntryPlusSink = (
  name: string,
  type: number,
  ino: number,
  next: number,
  node: UnionNode | null,
) => boolean;

export interface UnionOps {
  readonly caller: { uid: number; gid: number; pid: number; umask: number };
  readonly nodes: { get(id: number): UnionNode | undefined; forget(node: UnionNode, count: number): void };
  wantEvents: boolean;
  wantLookups?: boolean;
  /** How long the kernel may cache names in `directory`. */
  cacheSeconds(directory: UnionNode): number;
  /** How long it may cache a node's attributes. */
  attributeSeconds(node: UnionNode, attributes: Stat): number;
  /** A descriptor that can be read when there is something to `notice`; -1 or none: there never is. */
  readonly changes?: number;
  /** Changes that were made past the union are looked at; between requests. True: there were none but our own. */
  notice?(): boolean;
  /** After the reply to each request, with its error (positive) or 0. */
  settled?(error: number): void;
  /** Work that takes long goes there; operations then throw Suspended. */
  helpers?: Helpers | null;
  /** What the request that comes next was suspended for, while it is served anew. */
  resumed?: Work | null;
  /** After all suspended requests whose time had come have been served anew. */
  allResumed?(): void;
  fileHandle(id: number): UnionFileHandle | undefined;
  dirHandle(id: number): UnionDirHandle | undefined;
  branches(): { id: number; path: string; text: string }[];

  lookup(parent: UnionNode, name: string, out: Stat): UnionNode | null;
  getattr(node: UnionNode, handle: UnionFileHandle | null, out: Stat): void;
  setattr(node: UnionNode, handle: UnionFileHandle | null, change: SetAttr, out: Stat): void;
  readlink(node: UnionNode): string;
  symlink(parent: UnionNode, name: string, target: string, out: Stat): UnionNode;
  mknod(
    parent: UnionNode,
    name: string,
    mode: number,
    rdevMajor: number,
    rdevMinor: number,
    out: Stat,
  ): UnionNode;
  mkdir(parent: UnionNode, name: string, mode: number, out: Stat): UnionNode;
  unlink(parent: UnionNode, name: string): void;
  rmdir(parent: UnionNode, name: string): void;
  rename(parent: UnionNode, name: string, newParent: UnionNode, newName: string, flags: number): void;
  link(node: UnionNode, newParent: UnionNode, newName: string, out: Stat): UnionNode;

  /** `killSuidgid`: an O_TRUNC that takes the set-id bits away (FUSE_OPEN_KILL_SUIDGID). */
  open(node: UnionNode, flags: number, killSuidgid: boolean): UnionFileHandle;
  create(
    parent: UnionNode,
    name: string,
    flags: number,
    mode: number,
    out: Stat,
    killSuidgid: boolean,
  ): UnionFileHandle;
  tmpfile(parent: UnionNode, flags: number, mode: number, out: Stat): UnionFileHandle;
  read(handle: UnionFileHandle, offset: number, size: number, address: number): number;
  write(
    handle: UnionFileHandle,
    offset: number,
    size: number,
    address: number,
    killSuidgid: boolean,
  ): number;
  release(handle: UnionFileHandle): void;
  /**
   * The whole content of a file just opened to be read, if it has at most `most` bytes, nobody else has it open and it is
   * had without waiting. Returns its size; 0: it is not there.
   */
  prefill?(handle: UnionFileHandle, address: number, most: number): number;
  /** Reads and writes of a handle go past the union from now on. */
  passedThrough?(handle: UnionFileHandle): void;
  fsync(handle: UnionFileHandle, datasync: boolean): void;
  fallocate(handle: UnionFileHandle, mode: number, offset: number, length: number): void;
  lseek(handle: UnionFileHandle, offset: number, whence: number): number;
  copyFileRange(
    input: UnionFileHandle,
    offIn: number,
    output: UnionFileHandle,
    offOut: number,
    length: number,
  ): number;

  opendir(node: UnionNode): UnionDirHandle;
  readdir(handle: UnionDirHandle, cookie: number, sink: EntrySink): void;
  /** The same into memory, at most `room` bytes: as struct fuse_dirent has it, whole entries. Returns the bytes. */
  readdirInto?(handle: UnionDirHandle, cookie: number, to: Buffer, room: number): number;
  readdirplus(handle: UnionDirHandle, cookie: number, out: Stat, sink: EntryPlusSink): void;
  releasedir(handle: UnionDirHandle): void;
  fsyncdir(handle: UnionDirHandle, datasync: boolean): void;

  statfs(out: StatFs): void;
  /** The length, or -ENODATA (not thrown). */
  getxattr(node: UnionNode, name: string, address: number, size: number): number;
  setxattr(
    node: UnionNode,
    name: string,
    address: number,
    size: number,
    flags: number,
    aclKillSgid: boolean,
  ): void;
  listxattr(node: UnionNode, address: number, size: number): number;
  removexattr(node: UnionNode, name: string): void;
  syncfs(): void;
  close(): void;
}
