// Open files. A descriptor on a branch that takes no writes is opened for reading only; the first write copies
// the file up, and every handle of it then goes over to the copy: a reader sees what a later writer wrote.

import { E, Errno, must } from '../posix/errno.js';
import {
  O, close, copyFileRange, dup, fallocate, fdatasync, fsync, ftruncate, lseek, pread, preadNowait, pwrite,
} from '../posix/file.js';
import { S, Stat, fstat } from '../posix/stat.js';
import { NR } from '../posix/syscall.js';
import type { Branch } from './branch.js';
import { copyUp, copyUpOpen } from './copyup.js';
import { copyUpOnOpen } from './copyup-on-open.js';
import { killSuidgid } from './mode.js';
import { PACE } from './pace.js';
import { openNode } from './place.js';
import type { Node } from './node.js';
import { copyUpBranch } from './policy.js';
import { materializeNames } from './pseudo-link.js';
import { neverSynced, readSlowly, syncAside, synced, writeSlowly, written } from './slow-call.js';
import type { UnionState } from './state.js';

export class FileHandle {
  /** The pages the kernel has cached of the file are still right (FOPEN_KEEP_CACHE). */
  keepCache = false;
  /** The kernel must not cache at all (FOPEN_DIRECT_IO). */
  direct = false;
  /** -errno of an fsync whose caller was interrupted, to be told to the next. */
  lostError = 0;
  /** The size of the file when it was opened, in bytes. */
  size = 0;
  /** The kernel may read and write the file on its branch itself; see `mayPass`. */
  passable = false;
  /** It does. */
  passed = false;

  constructor(
    readonly id: number,
    public node: Node,
    public fd: number,
    /** The branch `fd` was opened on. */
    public branch: Branch,
    /** As the user opened it; writing may wait for the copy-up. */
    readonly flags: number,
  ) {}
}

/** Handles by the number the kernel keeps of them. */
export class HandleTable<H> {
  private readonly handles: (H | undefined)[] = [undefined];
  private readonly free: number[] = [];

  add(make: (id: number) => H): H {
    const id = this.free.pop() ?? this.handles.length;
    return (this.handles[id] = make(id));
  }

  get(id: number): H | undefined {
    return this.handles[id];
  }

  remove(id: number): void {
    if (this.handles[id] === undefined) return;
    this.handles[id] = undefined;
    this.free.push(id);
  }

  get count(): number {
    return this.handles.length - 1 - this.free.length;
  }

  *all(): Generator<H> {
    for (const handle of this.handles) if (handle !== undefined) yield handle;
  }
}

const opened = new Stat();

/** O_* that we pass to the branch: O_APPEND is the kernel's matter (pwrite would ignore the offset). */
const PASSED = O.ACCMODE | O.NONBLOCK | O.DSYNC | O.SYNC | O.NOATIME;

/** OPEN. With O_TRUNC the file is emptied; copying up an empty file keeps its time, as AUFS does. */
export function open(u: UnionState, node: Node, flags: number, kill = false): FileHandle {
  u.refresh(node);
  // The kernel opens fifos and devices itself, and directories otherwise.
  if (node.type !== S.IFREG) throw new Errno(node.isDirectory ? E.EISDIR : E.ENXIO);
  refuseDirect(u, flags);
  u.room.checkForFile(node.top.root);
  // The kernel looks the name up again and finds the copy.
  if (u.leftBehind.isRest(node)) throw new Errno(E.ESTALE);
  const writes = (flags & O.ACCMODE) !== O.RDONLY;
  if (writes || flags & O.TRUNC) {
    if (!node.top.writable) {
      const target = copyUpBranch(u, node.parent, node.top);
      const passed = u.leftBehind.has(node);
      if (flags & O.TRUNC) copyUp(u, node, target, { size: 0, killSuidgid: kill });
      else if (passed) copyUp(u, node, target);
      // All that opens this number is passed through to the file below: the copy has another.
      if (passed) throw new Errno(E.ESTALE);
    } else if (flags & O.TRUNC) {
      truncate(u, node, kill);
    }
  }
  copyUpOnOpen(u, node);
  materializeNames(u, node);
  const fd = openOn(u, node, flags);
  try {
    return makeHandle(u, node, flags, fd, opened);
  } catch (error) {
    close(fd);
    throw error;
  }
}

function truncate(u: UnionState, node: Node, kill: boolean): void {
  u.watch?.own.attributes(node);
  const fd = must(openNode(u, node, O.WRONLY));
  try {
    if (kill) killSuidgid(u, node, fd);
    must(ftruncate(fd, 0));
  } finally {
    close(fd);
  }
  node.writtenHere = true;
}

/** nodio, the default: O_DIRECT is refused (aufs(5), "Direct I/O"). With dio the kernel bypasses its cache. */
export function refuseDirect(u: UnionState, flags: number): void {
  if (flags & O.DIRECT && !u.options.dio) throw new Errno(E.EINVAL);
}

/** A descriptor of the node on its branch; for reading only where the branch takes no writes. Its attributes in `opened`. */
function openOn(u: UnionState, node: Node, flags: number): number {
  const passed = node.top.writable ? flags & PASSED : (flags & PASSED & ~O.ACCMODE) | O.RDONLY;
  // Not waiting, should somebody have put a fifo in its place; only a lease, fcntl(2), is waited for.
  let fd = openNode(u, node, passed | O.NONBLOCK, opened);
  if (fd === -E.EAGAIN) fd = openNode(u, node, passed, opened);
  if (fd >= 0) return fd;
  // O_NOATIME is for owners only; the caller may be, we may not.
  if (fd === -E.EPERM && passed & O.NOATIME) return must(openNode(u, node, (passed & ~O.NOATIME) | O.NONBLOCK, opened));
  throw new Errno(fd === -E.ENOENT || fd === -E.ELOOP ? E.ESTALE : -fd);
}

/**
 * The handle takes `fd` over. Throws ESTALE, `fd` then being the caller's still, for what is no file any more.
 * `st`: the file's attributes, if they are known.
 */
export function makeHandle(u: UnionState, node: Node, flags: number, fd: number, st: Stat | null = null): FileHandle {
  if (st === null) must(fstat(fd, opened));
  const now = st ?? opened;
  if ((now.mode & S.IFMT) !== S.IFREG) throw new Errno(E.ESTALE);
  node.handles++;
  node.top.opens++;
  u.room.opened(fd);
  const handle = u.files.add((id) => new FileHandle(id, node, fd, node.top, flags));
  node.opened = handle;
  handle.keepCache = pagesStillRight(node, now);
  handle.passable = mayPass(u, handle, now.mode);
  handle.size = now.size;
  return handle;
}

function writable(branch: Branch): boolean {
  return branch.writable;
}

/**
 * Whether reads and writes may go to the branch without us. The file must be where it will be when it has been changed:
 * from another branch a copy-up brings it away, which all who have it open have to see (passthrough=all: need not see,
 * left-behind.ts). And a write past us takes no set-id bits away (Linux 6.18), so it is for root, who may write and keep
 * them, and for files without.
 */
function mayPass(u: UnionState, handle: FileHandle, mode: number): boolean {
  if (u.options.passthrough === 'none') return false;
  const reads = (handle.flags & O.ACCMODE) === O.RDONLY;
  if (handle.branch.writable) return reads || (u.caller.uid === 0 && (mode & (S.ISUID | S.ISGID)) === 0);
  return reads && handle.node.type === S.IFREG && (u.options.passthrough === 'all' || !u.branches.some(writable));
}

/**
 * The kernel's pages of a file are dropped at open unless nobody but this mount changed the file since they
 * were read: same modification time and size, or written by ourselves.
 */
function pagesStillRight(node: Node, now: Stat): boolean {
  if (node.passed) node.writtenHere = node.passed = false;
  const same = node.writtenHere ||
    (node.cachedMtime === now.mtime && node.cachedMtimeNsec === now.mtimeNsec && node.cachedSize === now.size);
  node.cachedMtime = now.mtime;
  node.cachedMtimeNsec = now.mtimeNsec;
  node.cachedSize = now.size;
  node.writtenHere = false;
  return same;
}

/** Makes the handle's descriptor one of the file where it is now. */
function follow(u: UnionState, handle: FileHandle): number {
  if (handle.branch === handle.node.top) return handle.fd;
  return turn(handle, openOn(u, handle.node, handle.flags));
}

/** The handle goes over to `fd`, of the file where it is now. */
function turn(handle: FileHandle, fd: number): number {
  const { node } = handle;
  close(handle.fd);
  handle.branch.opens--;
  node.top.opens++;
  handle.fd = fd;
  handle.branch = node.top;
  return fd;
}

/** The handle's descriptor for changing the file, copied up if need be; -1 if it was not opened for writing. */
export function writableDescriptor(u: UnionState, handle: FileHandle): number {
  if ((handle.flags & O.ACCMODE) === O.RDONLY) return -1;
  const { node } = handle;
  if (node.top.writable) return follow(u, handle);
  const fd = copyUpOpen(u, node, copyUpBranch(u, node.parent, node.top));
  // What the caller has asked for beside reading and writing needs a descriptor of its own.
  if (fd >= 0 && (handle.flags & PASSED & ~(O.ACCMODE | O.NONBLOCK)) === 0) return turn(handle, fd);
  if (fd >= 0) close(fd);
  return follow(u, handle);
}

function mustWrite(u: UnionState, handle: FileHandle): number {
  const fd = writableDescriptor(u, handle);
  if (fd < 0) throw new Errno(E.EBADF);
  return fd;
}

/** READ into memory at `address`. Returns the bytes read, fewer at the end of the file. */
export function read(u: UnionState, handle: FileHandle, offset: number, size: number, address: number): number {
  const fd = follow(u, handle);
  const { branch } = handle;
  if (branch.pace !== PACE.MEMORY) return readSlowly(u, branch, fd, address, size, offset);
  return must(pread(fd, address, size, offset));
}

/** The whole of a small file just opened, into memory at `address`: its size; 0 where it is not to be had at once. */
export function prefill(handle: FileHandle, address: number, most: number): number {
  const { fd, size, branch, node } = handle;
  if (size === 0 || size > most || node.handles > 1 || node.type !== S.IFREG) return 0;
  // It changes the access time as the read that is to be expected would; of who may write it is not.
  if ((handle.flags & O.ACCMODE) !== O.RDONLY || handle.flags & O.DIRECT) return 0;
  const got = branch.pace === PACE.MEMORY ? pread(fd, address, size, 0) : preadNowait(fd, address, size, 0);
  return got === size ? size : 0;
}

/** WRITE from memory at `address`. Returns the bytes written. */
export function write(
  u: UnionState, handle: FileHandle, offset: number, size: number, address: number, kill: boolean,
): number {
  const done = u.resumed === null ? null : written(u);
  if (done !== null) return must(done);
  const fd = mustWrite(u, handle);
  if (kill) killSuidgid(u, handle.node, fd);
  u.watch?.own.content(handle.node);
  handle.node.writtenHere = true;
  const { branch } = handle;
  if (branch.pace !== PACE.MEMORY) return writeSlowly(u, branch, fd, address, size, offset);
  return must(pwrite(fd, address, size, offset));
}

/** The handle's reads and writes go past us, and past the pages that the kernel may have of the file. */
export function passThrough(u: UnionState, handle: FileHandle): void {
  const { node } = handle;
  node.passed = true;
  node.cachedMtime = -1;
  if (!handle.branch.writable) u.leftBehind.count(node, 1);
  if ((handle.flags & O.ACCMODE) !== O.RDONLY) u.watch?.own.writesPast(node);
}

export function release(u: UnionState, handle: FileHandle): void {
  if (handle.passed && !handle.branch.writable) u.leftBehind.count(handle.node, -1);
  if (handle.passed && (handle.flags & O.ACCMODE) !== O.RDONLY) u.watch?.wrotePast(handle.node);
  close(handle.fd);
  handle.branch.opens--;
  u.files.remove(handle.id);
  const { node } = handle;
  node.handles--;
  if (node.opened === handle) node.opened = null;
  u.nodes.drop(node);
}

/** FSYNC. As AUFS: success for a descriptor that was not opened for writing. */
export function fsyncFile(u: UnionState, handle: FileHandle, datasync: boolean): void {
  neverSynced(u);
  const result = synced(u);
  if (result !== null) return void must(result);
  tellLostError(handle);
  const fd = follow(u, handle);
  const { branch } = handle;
  if (!branch.writable) return;
  if (u.helpers === null || branch.pace === PACE.MEMORY) must(datasync ? fdatasync(fd) : fsync(fd));
  else {
    syncAside(u, datasync ? NR.fdatasync : NR.fsync, [must(dup(fd))], (lost) => {
      handle.lostError ||= lost;
    });
  }
}

/** The error of an fsync that was interrupted: the kernel tells it once, and the file's data may be lost. */
function tellLostError(handle: FileHandle): void {
  const { lostError } = handle;
  handle.lostError = 0;
  must(lostError);
}

export function allocateSpace(u: UnionState, handle: FileHandle, mode: number, offset: number, length: number): void {
  const fd = mustWrite(u, handle);
  killFor(u, handle.node, fd);
  u.watch?.own.content(handle.node);
  handle.node.writtenHere = true;
  must(fallocate(fd, mode, offset, length));
}

/**
 * Of requests that do not say whether their caller lacks CAP_FSETID. For a root without it, set-id bits stay, too; the
 * branch's kernel takes capabilities away from the file in any case.
 */
function killFor(u: UnionState, node: Node, fd: number): void {
  if (u.caller.uid !== 0) killSuidgid(u, node, fd);
}

export function seek(u: UnionState, handle: FileHandle, offset: number, whence: number): number {
  return must(lseek(follow(u, handle), offset, whence));
}

/** A request copies no more at a time: others would wait. Who wants more asks again, as copy_file_range(2) says. */
const COPY_RANGE_MOST = 4 * 1024 * 1024;

/** COPY_FILE_RANGE between two files of the union; the target is copied up if need be. */
export function copyRange(
  u: UnionState, input: FileHandle, offIn: number, output: FileHandle, offOut: number, length: number,
): number {
  const to = mustWrite(u, output);
  killFor(u, output.node, to);
  u.watch?.own.content(output.node);
  output.node.writtenHere = true;
  return must(copyFileRange(follow(u, input), offIn, to, offOut, Math.min(length, COPY_RANGE_MOST), 0));
}
