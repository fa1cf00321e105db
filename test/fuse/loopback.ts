/**
 * A test double of the union: one directory shown as it is, behind the methods the adapter calls. A node is an
 * O_PATH descriptor, found again by its inode number.
 */
import { fchmod, fchown, futimens, UTIME } from '../../src/posix/attributes.js';
import { AT, linkFd, mkdirat, mknodat, readDirectory, readlinkat, renameat2, symlinkat, unlinkat } from '../../src/posix/directory.js';
import { E, Errno, must } from '../../src/posix/errno.js';
import { close, copyFileRange, fallocate, fdatasync, fsync, ftruncate, lseek, O, openat, pread, pwrite } from '../../src/posix/file.js';
import { fstat, Stat } from '../../src/posix/stat.js';
import { fstatfs, type StatFs } from '../../src/posix/statfs.js';
import { AT_FDCWD } from '../../src/posix/syscall.js';
import { fgetxattr, flistxattr, fremovexattr, fsetxattr } from '../../src/posix/xattr.js';
import { nameFromText } from '../../src/posix/name.js';
import type { UnionHooks } from '../../src/fuse/kernel/worker.js';
import type { Invalidation } from '../../src/fuse/kernel/notification.js';
import type { EntryPlusSink, EntrySink, UnionOps } from '../../src/fuse/kernel/union-ops.js';
import type { SetAttr } from '../../src/union/attributes.js';
import { SetAttrValid } from '../../src/fuse/kernel/wire.js';

export class LoopNode {
  lookups = 0;
  readonly generation = 1;
  constructor(
    readonly id: number,
    readonly key: string,
    readonly fd: number,
    readonly parent: LoopNode | null,
  ) {}
}

class LoopFile {
  readonly keepCache = false;
  readonly direct = false;
  readonly passable = false;
  passed = false;
  constructor(
    readonly id: number,
    readonly node: LoopNode,
    readonly fd: number,
  ) {}
}

class LoopDir {
  readonly cacheable = true;
  constructor(
    readonly id: number,
    readonly node: LoopNode,
    readonly entries: { name: string; type: number; ino: number }[],
  ) {}
}

export class Loopback implements UnionOps {
  readonly caller = { uid: 0, gid: 0, pid: 0, umask: 0 };
  wantEvents = false;
  closed = false;
  readonly byId = new Map<number, LoopNode>();
  readonly files = new Map<number, LoopFile>();
  readonly dirs = new Map<number, LoopDir>();
  readonly root: LoopNode;
  private readonly byKey = new Map<string, LoopNode>();
  private last = 0;
  private readonly scratch = new Stat();

  constructor(
    directory: string,
    readonly seconds = 1,
    private readonly hooks: UnionHooks | null = null,
  ) {
    const fd = must(openat(AT_FDCWD, nameFromText(directory), O.PATH | O.DIRECTORY, 0), directory);
    this.root = this.adopt(fd, null);
  }

  readonly nodes = {
    get: (id: number) => this.byId.get(id),
    forget: (node: LoopNode, count: number) => {
      node.lookups -= count;
      if (node.lookups > 0 || node === this.root) return;
      this.byId.delete(node.id);
      this.byKey.delete(node.key);
      close(node.fd);
    },
  };

  private adopt(fd: number, parent: LoopNode | null): LoopNode {
    must(fstat(fd, this.scratch));
    const key = `${this.scratch.devMajor}:${this.scratch.devMinor}:${this.scratch.ino}`;
    const found = this.byKey.get(key);
    if (found !== undefined) {
      close(fd);
      return found;
    }
    const node = new LoopNode(++this.last, key, fd, parent);
    this.byId.set(node.id, node);
    this.byKey.set(key, node);
    return node;
  }

  private find(parent: LoopNode, name: string, out: Stat): LoopNode {
    const node = this.adopt(must(openat(parent.fd, name, O.PATH | O.NOFOLLOW, 0), name), parent);
    must(fstat(node.fd, out));
    return node;
  }

  private give(node: LoopNode): void {
    must(fchown(node.fd, this.caller.uid, this.caller.gid));
  }

  private reopen(node: LoopNode, flags: number): number {
    return must(openat(AT_FDCWD, `/proc/self/fd/${node.fd}`, flags & ~(O.NOFOLLOW | O.CREAT | O.EXCL), 0));
  }

  attributeSeconds(): number {
    return this.cacheSeconds();
  }

  cacheSeconds(): number {
    return this.seconds;
  }
  fileHandle(id: number): LoopFile | undefined {
    return this.files.get(id);
  }
  dirHandle(id: number): LoopDir | undefined {
    return this.dirs.get(id);
  }
  branches(): { id: number; path: string; text: string }[] {
    return [{ id: 64, path: '/loopback', text: '/loopback=rw' }];
  }

  lookup(parent: LoopNode, name: string, out: Stat): LoopNode | null {
    const fd = openat(parent.fd, name, O.PATH | O.NOFOLLOW, 0);
    if (fd === -E.ENOENT) return null;
    const node = this.adopt(must(fd, name), parent);
    must(fstat(node.fd, out));
    return node;
  }
  getattr(node: LoopNode, _handle: LoopFile | null, out: Stat): void {
    must(fstat(node.fd, out));
  }
  setattr(node: LoopNode, handle: LoopFile | null, change: SetAttr, out: Stat): void {
    const { valid } = change;
    if ((valid & SetAttrValid.SIZE) !== 0) {
      const fd = handle?.fd ?? this.reopen(node, O.WRONLY);
      const result = ftruncate(fd, change.size);
      if (handle === null) close(fd);
      must(result);
    }
    if ((valid & (SetAttrValid.UID | SetAttrValid.GID)) !== 0) {
      must(fchown(node.fd, valid & SetAttrValid.UID ? change.uid : -1, valid & SetAttrValid.GID ? change.gid : -1));
    }
    if ((valid & SetAttrValid.MODE) !== 0) must(fchmod(node.fd, change.mode & 0o7777));
    if ((valid & (SetAttrValid.ATIME | SetAttrValid.MTIME)) !== 0) {
      const nsec = (set: number, now: number, value: number) =>
        (valid & set) === 0 ? UTIME.OMIT : (valid & now) !== 0 ? UTIME.NOW : value;
      must(
        futimens(
          node.fd,
          change.atime,
          nsec(SetAttrValid.ATIME, SetAttrValid.ATIME_NOW, change.atimeNsec),
          change.mtime,
          nsec(SetAttrValid.MTIME, SetAttrValid.MTIME_NOW, change.mtimeNsec),
        ),
      );
    }
    must(fstat(node.fd, out));
  }
  readlink(node: LoopNode): string {
    const target = readlinkat(node.fd, '');
    if (typeof target === 'number') throw new Errno(-target);
    return target;
  }
  symlink(parent: LoopNode, name: string, target: string, out: Stat): LoopNode {
    must(symlinkat(target, parent.fd, name));
    const node = this.find(parent, name, out);
    this.give(node);
    must(fstat(node.fd, out));
    return node;
  }
  mknod(parent: LoopNode, name: string, mode: number, major: number, minor: number, out: Stat): LoopNode {
    must(mknodat(parent.fd, name, mode & ~this.caller.umask, major, minor));
    return this.made(parent, name, mode, out);
  }
  mkdir(parent: LoopNode, name: string, mode: number, out: Stat): LoopNode {
    must(mkdirat(parent.fd, name, mode & ~this.caller.umask));
    return this.made(parent, name, mode, out);
  }
  private made(parent: LoopNode, name: string, mode: number, out: Stat): LoopNode {
    const node = this.find(parent, name, out);
    this.give(node);
    must(fchmod(node.fd, mode & 0o7777 & ~this.caller.umask));
    must(fstat(node.fd, out));
    return node;
  }
  unlink(parent: LoopNode, name: string): void {
    must(unlinkat(parent.fd, name, 0));
  }
  rmdir(parent: LoopNode, name: string): void {
    must(unlinkat(parent.fd, name, AT.REMOVEDIR));
  }
  rename(parent: LoopNode, name: string, newParent: LoopNode, newName: string, flags: number): void {
    must(renameat2(parent.fd, name, newParent.fd, newName, flags));
  }
  link(node: LoopNode, newParent: LoopNode, newName: string, out: Stat): LoopNode {
    must(linkFd(node.fd, newParent.fd, newName));
    must(fstat(node.fd, out));
    return node;
  }

  open(node: LoopNode, flags: number): LoopFile {
    return this.handle(node, this.reopen(node, flags));
  }
  private handle(node: LoopNode, fd: number): LoopFile {
    const handle = new LoopFile(++this.last, node, fd);
    this.files.set(handle.id, handle);
    return handle;
  }
  create(parent: LoopNode, name: string, flags: number, mode: number, out: Stat): LoopFile {
    const fd = must(openat(parent.fd, name, (flags & ~O.NOFOLLOW) | O.CREAT, mode & ~this.caller.umask));
    const node = this.made(parent, name, mode, out);
    return this.handle(node, fd);
  }
  tmpfile(parent: LoopNode, flags: number, mode: number, out: Stat): LoopFile {
    const fd = must(openat(parent.fd, '.', flags | O.TMPFILE, mode & ~this.caller.umask));
    const node = this.adopt(must(openat(AT_FDCWD, `/proc/self/fd/${fd}`, O.PATH, 0)), null);
    this.give(node);
    must(fstat(node.fd, out));
    return this.handle(node, fd);
  }
  read(handle: LoopFile, offset: number, size: number, address: number): number {
    return pread(handle.fd, address, size, offset);
  }
  write(handle: LoopFile, offset: number, size: number, address: number): number {
    return pwrite(handle.fd, address, size, offset);
  }
  release(handle: LoopFile): void {
    this.files.delete(handle.id);
    close(handle.fd);
  }
  fsync(handle: LoopFile, datasync: boolean): void {
    must(datasync ? fdatasync(handle.fd) : fsync(handle.fd));
  }
  fallocate(handle: LoopFile, mode: number, offset: number, length: number): void {
    must(fallocate(handle.fd, mode, offset, length));
  }
  lseek(handle: LoopFile, offset: number, whence: number): number {
    return must(lseek(handle.fd, offset, whence));
  }
  copyFileRange(input: LoopFile, offIn: number, output: LoopFile, offOut: number, length: number): number {
    return must(copyFileRange(input.fd, offIn, output.fd, offOut, length, 0));
  }

  opendir(node: LoopNode): LoopDir {
    const entries = [
      { name: '.', type: 4, ino: 1 },
      { name: '..', type: 4, ino: 1 },
    ];
    const fd = this.reopen(node, O.RDONLY | O.DIRECTORY);
    const result = readDirectory(fd, (name, type, ino) => void entries.push({ name, type, ino }));
    close(fd);
    must(result);
    const handle = new LoopDir(++this.last, node, entries);
    this.dirs.set(handle.id, handle);
    return handle;
  }
  readdir(handle: LoopDir, cookie: number, sink: EntrySink): void {
    for (let i = cookie; i < handle.entries.length; i += 1) {
      const { name, type, ino } = handle.entries[i];
      if (!sink(name, type, ino, i + 1)) return;
    }
  }
  readdirplus(handle: LoopDir, cookie: number, out: Stat, sink: EntryPlusSink): void {
    for (let i = cookie; i < handle.entries.length; i += 1) {
      const { name, type, ino } = handle.entries[i];
      const node = name === '.' || name === '..' ? null : this.lookup(handle.node, name, out);
      if (!sink(name, type, ino, i + 1, node)) {
        if (node !== null) this.nodes.forget(node, 0);
        return;
      }
    }
  }
  releasedir(handle: LoopDir): void {
    this.dirs.delete(handle.id);
  }
  fsyncdir(): void {}

  statfs(out: StatFs): void {
    must(fstatfs(this.root.fd, out));
  }
  getxattr(node: LoopNode, name: string, address: number, size: number): number {
    return fgetxattr(node.fd, name, address, size);
  }
  setxattr(node: LoopNode, name: string, address: number, size: number, flags: number): void {
    must(fsetxattr(node.fd, name, address, size, flags));
  }
  listxattr(node: LoopNode, address: number, size: number): number {
    return flistxattr(node.fd, address, size);
  }
  removexattr(node: LoopNode, name: string): void {
    must(fremovexattr(node.fd, name));
  }
  access(): void {}
  syncfs(): void {}

  /** Things that a test has happen in the worker. */
  command(name: string, argument: unknown): unknown {
    if (name === 'die') process.exit(3);
    if (name === 'invalidate') this.hooks?.invalidate(argument as Invalidation);
    else if (name === 'event') this.hooks?.event({ kind: 'create', path: '/x', branch: '/b', pid: 1 });
    else throw new Error(`unknown command: ${name}`);
    return this.wantEvents;
  }

  close(): void {
    this.closed = true;
    for (const handle of this.files.values()) close(handle.fd);
    for (const node of this.byId.values()) close(node.fd);
  }
}

