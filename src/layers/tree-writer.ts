// Making a layer's files below one directory. Whatever the archive says, nothing outside that directory is reached: every
// call is made on the descriptor of a parent, which was opened name by name and never through a symlink.

import { fchmod, fchown, fchownat, fchmodat, futimens, utimensat, UTIME } from '../posix/attributes.js';
import { linkat, mkdirat, mknodat, symlinkat, unlinkat } from '../posix/directory.js';
import { E, Errno } from '../posix/errno.js';
import { close, O, openat, write } from '../posix/file.js';
import { allocate } from '../posix/memory.js';
import { S } from '../posix/stat.js';
import { fsetxattr, lsetxattrat } from '../posix/xattr.js';
import { removeTree } from '../union/remove-tree.js';
import { PLINK_DIRECTORY } from '../union/whiteout.js';
import { kindOf, partsOf } from './entry-name.js';
import type { EntryType, LayerEntry } from './entry.js';
import { LayerError, shownName } from './error.js';

export interface TreeWriterOptions {
  /** Give files the archive's owners: root may. Else they belong to whoever writes. */
  owners: boolean;
  /** What to do about what cannot be kept here: a device, an xattr. `refuse`, or `skip` with a warning. */
  unsupported: 'refuse' | 'skip';
  warn(message: string): void;
}

interface OpenDirectory {
  name: string;
  fd: number;
}

const BUFFER = 1 << 20;

/** Takes entries as readTar gives them; then `finish`, or `abandon`. Does not close `root`. */
export class TreeWriter {
  /** Bytes of contents so far. */
  size = 0;
  entries = 0;
  whiteouts = 0;

  /** The directories from the root down to the last entry's parent. */
  private readonly open: OpenDirectory[] = [];
  /** Directories whose attributes are set at the end: filling them changes the times, and they may forbid it. */
  private readonly directories = new Map<string, LayerEntry>();
  private readonly buffer = allocate(BUFFER);
  private filled = 0;
  private fd = -1;
  private current: LayerEntry | null = null;
  private hasPseudoLinks = false;

  constructor(private readonly root: number, private readonly options: TreeWriterOptions) {}

  entry(entry: LayerEntry): void {
    this.entries++;
    this.current = null;
    const parts = partsOf(entry.name);
    const kind = kindOf(parts);
    if (kind === 'record') return;
    if (kind === 'mark') {
      this.mark(entry, parts);
      return;
    }
    if (kind === 'pseudo-link') this.hasPseudoLinks = true;
    if (entry.type === 'directory') {
      this.directory(entry, parts);
      return;
    }
    const name = parts.at(-1);
    if (name === undefined) throw new LayerError('the root of the archive is not a directory');
    this.leaf(entry, this.parentOf(parts), name);
  }

  data(piece: Buffer): void {
    if (this.fd < 0) return;
    let from = 0;
    while (from < piece.length) {
      const count = Math.min(piece.length - from, BUFFER - this.filled);
      piece.copy(this.buffer.bytes, this.filled, from, from + count);
      this.filled += count;
      from += count;
      if (this.filled === BUFFER) this.flush();
    }
  }

  end(): void {
    const entry = this.current;
    if (this.fd < 0 || entry === null) return;
    this.flush();
    this.attributesOfOpen(this.fd, entry);
    close(this.fd);
    this.fd = -1;
  }

  /** Everything is there: gives directories their attributes. */
  finish(): void {
    if (this.hasPseudoLinks) {
      this.leave(0);
      removeTree(this.root, PLINK_DIRECTORY);
    }
    // The deepest first: a parent's times change no more then, and its mode may forbid to pass.
    for (const [path, entry] of [...this.directories].reverse()) {
      const parts = path === '' ? [] : path.split('/');
      if (this.hasPseudoLinks && parts[0] === PLINK_DIRECTORY) continue;
      const fd = openat(this.walk(parts), '.', O.RDONLY | O.DIRECTORY, 0);
      this.check(fd, entry);
      try {
        this.attributesOfOpen(fd, entry);
      } finally {
        close(fd);
      }
    }
    this.leave(0);
  }

  /** Closes what is open, and leaves what was made as it is. */
  abandon(): void {
    if (this.fd >= 0) close(this.fd);
    this.fd = -1;
    this.leave(0);
  }

  private mark(entry: LayerEntry, parts: string[]): void {
    if (entry.type !== 'file' && entry.type !== 'hardlink' || entry.size > 0) {
      throw new LayerError(`${shownName(entry.name)}: a whiteout that is not an empty file`);
    }
    this.whiteouts++;
    // Docker's archives have the whiteouts of one branch as hard links of the first.
    const empty: LayerEntry = { ...entry, type: 'file', linkname: '', xattrs: [] };
    this.leaf(empty, this.parentOf(parts), parts[parts.length - 1]);
  }

  private directory(entry: LayerEntry, parts: string[]): void {
    this.directories.delete(parts.join('/'));
    this.directories.set(parts.join('/'), entry);
    if (parts.length > 0) this.enter(parts, true);
  }

  private leaf(entry: LayerEntry, dirfd: number, name: string): void {
    let made = this.make(entry, dirfd, name);
    if (made === -E.EEXIST) {
      this.makeRoom(entry, dirfd, name);
      made = this.make(entry, dirfd, name);
    }
    if (made === -E.EPERM && this.skips(entry)) return;
    this.check(made, entry);
    if (entry.type === 'file') {
      this.fd = made;
      this.current = entry;
      this.filled = 0;
      this.size += entry.size;
    } else if (entry.type !== 'hardlink') {
      this.attributesOfName(dirfd, name, entry);
    }
  }

  private make(entry: LayerEntry, dirfd: number, name: string): number {
    switch (entry.type) {
      case 'file':
        return openat(dirfd, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600);
      case 'symlink':
        return symlinkat(entry.linkname, dirfd, name);
      case 'fifo':
        return mknodat(dirfd, name, S.IFIFO | 0o600, 0, 0);
      case 'character-device':
        return mknodat(dirfd, name, S.IFCHR | 0o600, entry.devMajor, entry.devMinor);
      case 'block-device':
        return mknodat(dirfd, name, S.IFBLK | 0o600, entry.devMajor, entry.devMinor);
      case 'hardlink':
        return this.link(entry, dirfd, name);
      case 'directory':
        throw new Errno(E.EISDIR);
    }
  }

  private link(entry: LayerEntry, dirfd: number, name: string): number {
    const target = partsOf(entry.linkname);
    const last = target.at(-1);
    if (last === undefined) throw new LayerError(`${shownName(entry.name)}: a hard link to the root`);
    // Its parents are looked for, not made; and the place of `dirfd` is kept, since it may be closed on the way there.
    const from = openat(this.root, '.', O.PATH | O.DIRECTORY, 0);
    this.check(from, entry);
    const place = this.descend(from, target.slice(0, -1));
    try {
      const linked = place < 0 ? place : linkat(place, last, dirfd, name, 0);
      if (linked === -E.ENOENT || linked === -E.ENOTDIR || linked === -E.ELOOP) {
        throw new LayerError(`${shownName(entry.name)}: a hard link to ${shownName(entry.linkname)}, which the layer does not have`);
      }
      if (linked === -E.EPERM) throw new LayerError(`${shownName(entry.name)}: a hard link to ${shownName(entry.linkname)}, which cannot be linked`);
      return linked;
    } finally {
      if (place >= 0) close(place);
    }
  }

  /** Opens a directory below `fd`, which it closes. */
  private descend(fd: number, parts: readonly string[]): number {
    for (const part of parts) {
      const next = openat(fd, part, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
      close(fd);
      if (next < 0) return next;
      fd = next;
    }
    return fd;
  }

  /** A later entry of the same name counts. What is a directory stays one. */
  private makeRoom(entry: LayerEntry, dirfd: number, name: string): void {
    const removed = unlinkat(dirfd, name, 0);
    if (removed === -E.EISDIR || removed === -E.EPERM) throw new LayerError(`${shownName(entry.name)}: a directory first, and something else later`);
    this.check(removed, entry);
  }

  private skips(entry: LayerEntry): boolean {
    if (entry.type !== 'character-device' && entry.type !== 'block-device') return false;
    if (this.options.unsupported === 'refuse') {
      throw new LayerError(`${shownName(entry.name)}: a device, which only root may make; apply the layer as root, or with --skip-unsupported without it`);
    }
    this.options.warn(`${shownName(entry.name)} left out: a device, which only root may make`);
    return true;
  }

  private parentOf(parts: string[]): number {
    return this.enter(parts.slice(0, -1), false);
  }

  /** The descriptor of a directory, which is made if need be; `own`: the archive has it as an entry. */
  private enter(parts: readonly string[], own: boolean): number {
    let depth = 0;
    while (depth < parts.length && depth < this.open.length && this.open[depth].name === parts[depth]) depth++;
    this.leave(depth);
    let fd = depth === 0 ? this.root : this.open[depth - 1].fd;
    for (; depth < parts.length; depth++) {
      fd = this.enterOne(fd, parts, depth, own && depth === parts.length - 1);
      this.open.push({ name: parts[depth], fd });
    }
    return fd;
  }

  private enterOne(dirfd: number, parts: readonly string[], depth: number, own: boolean): number {
    const name = parts[depth];
    const path = parts.slice(0, depth + 1).join('/');
    let made = mkdirat(dirfd, name, 0o700);
    let opened = made === -E.EEXIST || made >= 0 ? openat(dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0) : made;
    if (own && (opened === -E.ENOTDIR || opened === -E.ELOOP)) {
      // A file or symlink first and a directory later: as tar does, the later one counts.
      unlinkat(dirfd, name, 0);
      made = mkdirat(dirfd, name, 0o700);
      opened = made < 0 ? made : openat(dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
    }
    if (opened === -E.ENOTDIR || opened === -E.ELOOP) {
      throw new LayerError(`${shownName(parts.join('/'))}: a path through ${shownName(path)}, which is not a directory but a symlink or a file`);
    }
    if (opened < 0) throw new LayerError(`${shownName(path)}: ${new Errno(-opened).message}`);
    if (made >= 0 && !own && !this.directories.has(path)) this.directories.set(path, unnamedDirectory(path));
    return opened;
  }

  private walk(parts: readonly string[]): number {
    return this.enter(parts, false);
  }

  private leave(depth: number): void {
    while (this.open.length > depth) close(this.open.pop()!.fd);
  }

  private flush(): void {
    let done = 0;
    while (done < this.filled) {
      const written = write(this.fd, this.buffer.address + done, this.filled - done);
      if (written === -E.EINTR) continue;
      this.check(written, this.current!);
      done += written;
    }
    this.filled = 0;
  }

  /** Owner before mode, since chown takes setuid away, and both before xattrs, since it takes capabilities away. */
  private attributesOfOpen(fd: number, entry: LayerEntry): void {
    if (this.options.owners) this.check(fchown(fd, entry.uid, entry.gid), entry);
    this.check(fchmod(fd, entry.mode), entry);
    for (const [name, value] of entry.xattrs) {
      this.put(value);
      this.xattr(fsetxattr(fd, name, this.buffer.address, value.length, 0), name, entry);
    }
    this.check(futimens(fd, 0, UTIME.OMIT, entry.mtime, entry.mtimeNsec), entry);
  }

  private attributesOfName(dirfd: number, name: string, entry: LayerEntry): void {
    if (this.options.owners) this.check(fchownat(dirfd, name, entry.uid, entry.gid), entry);
    if (entry.type !== 'symlink') this.check(fchmodat(dirfd, name, entry.mode), entry);
    for (const [attribute, value] of entry.xattrs) {
      this.put(value);
      this.xattr(lsetxattrat(dirfd, name, attribute, this.buffer.address, value.length, 0), attribute, entry);
    }
    this.check(utimensat(dirfd, name, 0, UTIME.OMIT, entry.mtime, entry.mtimeNsec), entry);
  }

  private put(value: string): void {
    if (value.length > BUFFER) throw new LayerError('an extended attribute of more than 1 MiB');
    this.buffer.bytes.latin1Write(value, 0);
  }

  private xattr(result: number, name: string, entry: LayerEntry): void {
    if (result >= 0) return;
    const cannot = result === -E.EOPNOTSUPP || result === -E.EPERM;
    if (!cannot || this.options.unsupported === 'refuse' && this.options.owners) {
      throw new LayerError(`${shownName(entry.name)}: the extended attribute ${shownName(name)} cannot be set: ${new Errno(-result).message}`);
    }
    this.options.warn(`${shownName(entry.name)}: the extended attribute ${shownName(name)} cannot be set here`);
  }

  private check(result: number, entry: LayerEntry): void {
    if (result < 0) throw new LayerError(`${shownName(entry.name)}: ${new Errno(-result).message}`);
  }
}

/** A directory that the archive speaks of only in its children's names. */
function unnamedDirectory(name: string): LayerEntry {
  return {
    type: 'directory' satisfies EntryType,
    name, linkname: '', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0, devMajor: 0, devMinor: 0, xattrs: [],
  };
}
