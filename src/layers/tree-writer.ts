// Making a layer's files below one directory. Whatever the archive says, nothing outside that directory is reached: every
// call is made on the descriptor of a parent (open-directories.ts) and one name.

import { readFileSync } from 'node:fs';
import { fchmod, fchmodat, fchown, fchownat, futimens, utimensat, UTIME } from '../posix/attributes.js';
import { getegid, geteuid } from '../posix/credentials.js';
import { linkat, mknodat, symlinkat, unlinkat } from '../posix/directory.js';
import { E, Errno } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { allocate } from '../posix/memory.js';
import { S } from '../posix/stat.js';
import { fsetxattr, lsetxattrat, XATTR_MAX } from '../posix/xattr.js';
import { removeTree } from '../union/remove-tree.js';
import { ContentWriter } from './content-writer.js';
import { kindOf, partsOf } from './entry-name.js';
import type { LayerEntry } from './entry.js';
import { LayerError, shownName } from './error.js';
import { isLayerXattr } from './layer-xattr.js';
import { OpenDirectories } from './open-directories.js';

export interface TreeWriterOptions {
  /** Give files the archive's owners: root may. Else they belong to whoever writes. */
  owners: boolean;
  /** What to do about what cannot be made here, devices and xattrs: `refuse`, or `skip` with a warning. */
  unsupported: 'refuse' | 'skip';
  /** The root is new and closed to others: nobody can reach a file before it is right. */
  isHidden: boolean;
  warn(message: string): void;
}

/** Takes entries as readTar gives them; then `finish`, and in any case `close`. Does not close `root`. */
export class TreeWriter {
  /** Bytes of contents so far. */
  size = 0;
  entries = 0;
  whiteouts = 0;

  private readonly parents: OpenDirectories;
  /** Directories by path, whose attributes are set at the end: filling them changes the times, and they may forbid it. */
  private readonly directories = new Map<string, LayerEntry>();
  private readonly content = new ContentWriter();
  private readonly value = allocate(XATTR_MAX);
  /** The file that is being written. */
  private fd = -1;
  private current: LayerEntry | null = null;
  /** Where the files of an archive's `.wh..wh.plnk` are kept until all links to them are made. */
  private readonly pseudoLinks = `.wh..wh.plnk-${process.pid}`;
  private hasPseudoLinks = false;
  private readonly umask = currentUmask();
  private readonly uid = geteuid();
  private readonly gid = getegid();

  constructor(private readonly root: number, private readonly options: TreeWriterOptions) {
    this.parents = new OpenDirectories(root, (path) => {
      if (!this.directories.has(path)) this.directories.set(path, unnamedDirectory(path));
    });
    if (options.isHidden) this.directories.set('', unnamedDirectory(''));
  }

  entry(entry: LayerEntry): void {
    this.entries++;
    const parts = partsOf(entry.name);
    const kind = kindOf(parts);
    if (kind === 'record') return;
    if (kind === 'mark') {
      this.mark(entry, parts);
      return;
    }
    if (kind === 'pseudo-link') this.keepAside(parts);
    if (entry.type === 'directory') this.directory(entry, parts);
    else this.leaf(entry, parts);
  }

  data(piece: Buffer): void {
    if (this.fd >= 0) this.content.data(piece);
  }

  end(): void {
    const entry = this.current;
    if (entry === null) return;
    this.content.end();
    this.setAttributes(this.fd, entry);
    this.closeFile();
  }

  /** Everything is there: gives directories their attributes. */
  finish(): void {
    this.removePseudoLinks();
    // What is below a directory before itself: its mode may close it to us.
    const inOrder = [...this.directories].sort(([a], [b]) => a < b ? 1 : -1);
    for (const [path, entry] of inOrder) {
      const parts = path === '' ? [] : path.split('/');
      if (parts[0] !== this.pseudoLinks) this.setAttributes(this.parents.enter(parts), entry);
    }
  }

  /** Closes what is open. What was made stays. */
  close(): void {
    this.closeFile();
    this.removePseudoLinks();
    this.parents.closeAll();
  }

  private closeFile(): void {
    if (this.fd >= 0) close(this.fd);
    this.fd = -1;
    this.current = null;
  }

  private mark(entry: LayerEntry, parts: string[]): void {
    if (entry.type !== 'file' && entry.type !== 'hardlink' || entry.size > 0) {
      throw new LayerError(`${shownName(entry.name)}: a whiteout that is not an empty file`);
    }
    this.whiteouts++;
    // Docker's archives have the whiteouts of one branch as hard links of the first.
    this.leaf({ ...entry, type: 'file', linkname: '', xattrs: [] }, parts);
  }

  /**
   * Layers that were made on AUFS by old Dockers have files in `.wh..wh.plnk`, and hard links to them. They go to a
   * directory of our own: where the layer is added to a branch, the branch may have pseudo-links itself.
   */
  private keepAside(parts: string[]): void {
    parts[0] = this.pseudoLinks;
    this.hasPseudoLinks = true;
  }

  private removePseudoLinks(): void {
    if (!this.hasPseudoLinks) return;
    this.hasPseudoLinks = false;
    this.parents.closeAll();
    removeTree(this.root, this.pseudoLinks);
  }

  private directory(entry: LayerEntry, parts: string[]): void {
    this.directories.set(parts.join('/'), entry);
    if (parts.length > 0) this.parents.enter(parts, true);
  }

  private leaf(entry: LayerEntry, parts: string[]): void {
    const name = parts.pop();
    if (name === undefined) throw new LayerError('the root of the archive is not a directory');
    const dirfd = this.parents.enter(parts);
    let made = this.make(entry, dirfd, name);
    if (made === -E.EEXIST) {
      makeRoom(entry, dirfd, name);
      made = this.make(entry, dirfd, name);
    }
    if (made === -E.EPERM && this.skips(entry)) return;
    check(made, entry);
    if (entry.type === 'file') {
      this.fd = made;
      this.current = entry;
      this.size += entry.size;
      this.content.start(made, entry);
    } else if (entry.type !== 'hardlink') {
      this.setAttributesByName(dirfd, name, entry);
    }
  }

  private make(entry: LayerEntry, dirfd: number, name: string): number {
    switch (entry.type) {
      case 'file':
        return openat(dirfd, name, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, this.isMadeWithMode(entry) ? entry.mode : 0o600);
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

  /** A link to a symlink is one to the symlink itself. */
  private link(entry: LayerEntry, dirfd: number, name: string): number {
    const target = partsOf(entry.linkname);
    const kind = kindOf(target);
    if (kind === 'pseudo-link') target[0] = this.pseudoLinks;
    const last = target.pop();
    if (kind === 'mark' || last === undefined) throw new LayerError(`${shownName(entry.name)}: a hard link to ${shownName(entry.linkname)}, which is no file of the layer`);
    const place = this.parents.find(target);
    const linked = place < 0 ? place : linkat(place, last, dirfd, name, 0);
    if (place >= 0) close(place);
    if (linked === -E.ENOENT || linked === -E.ENOTDIR || linked === -E.ELOOP) {
      throw new LayerError(`${shownName(entry.name)}: a hard link to ${shownName(entry.linkname)}, which the layer does not have before it`);
    }
    if (linked === -E.EPERM) throw new LayerError(`${shownName(entry.name)}: a hard link to ${shownName(entry.linkname)}, which cannot be linked`);
    return linked;
  }

  private skips(entry: LayerEntry): boolean {
    if (entry.type !== 'character-device' && entry.type !== 'block-device') return false;
    if (this.options.unsupported === 'refuse') {
      throw new LayerError(`${shownName(entry.name)}: a device, which only root may make; apply the layer as root, or without its devices (--skip-unsupported)`);
    }
    this.options.warn(`${shownName(entry.name)} left out: a device, which only root may make`);
    return true;
  }

  /** Without a further call: where nobody can reach the file yet, and the umask takes nothing from its mode. */
  private isMadeWithMode(entry: LayerEntry): boolean {
    return this.options.isHidden && (entry.mode & (this.umask | 0o7000)) === 0;
  }

  private isMadeWithOwner(entry: LayerEntry): boolean {
    return !this.options.owners || this.options.isHidden && entry.uid === this.uid && entry.gid === this.gid;
  }

  /** Owner before mode, since chown takes setuid away, and both before xattrs, since it takes capabilities away. */
  private setAttributes(fd: number, entry: LayerEntry): void {
    if (!this.isMadeWithOwner(entry)) check(fchown(fd, entry.uid, entry.gid), entry);
    if (entry.type !== 'file' || !this.isMadeWithMode(entry)) check(fchmod(fd, entry.mode), entry);
    for (const [name, value] of entry.xattrs) {
      if (this.takesXattr(entry, name, value)) this.checkXattr(fsetxattr(fd, name, this.value.address, value.length, 0), name, entry);
    }
    check(futimens(fd, 0, UTIME.OMIT, entry.mtime, entry.mtimeNsec), entry);
  }

  private setAttributesByName(dirfd: number, name: string, entry: LayerEntry): void {
    if (!this.isMadeWithOwner(entry)) check(fchownat(dirfd, name, entry.uid, entry.gid), entry);
    if (entry.type !== 'symlink') check(fchmodat(dirfd, name, entry.mode), entry);
    for (const [attribute, value] of entry.xattrs) {
      if (this.takesXattr(entry, attribute, value)) this.checkXattr(lsetxattrat(dirfd, name, attribute, this.value.address, value.length, 0), attribute, entry);
    }
    check(utimensat(dirfd, name, 0, UTIME.OMIT, entry.mtime, entry.mtimeNsec), entry);
  }

  /** Whether it is to be set; then its value is in place. */
  private takesXattr(entry: LayerEntry, name: string, value: string): boolean {
    if (!isLayerXattr(name)) return false;
    if (value.length > XATTR_MAX) throw new LayerError(`${shownName(entry.name)}: the extended attribute ${shownName(name)} has more than ${XATTR_MAX} bytes`);
    this.value.bytes.latin1Write(value, 0);
    return true;
  }

  private checkXattr(result: number, name: string, entry: LayerEntry): void {
    if (result >= 0) return;
    const what = `${shownName(entry.name)}: the extended attribute ${shownName(name)} cannot be set: ${new Errno(-result).message}`;
    // An ordinary user may not set them all, as he may not give files away.
    const isExpected = (result === -E.EOPNOTSUPP || result === -E.EPERM) && (this.options.unsupported === 'skip' || !this.options.owners);
    if (!isExpected) throw new LayerError(what);
    this.options.warn(what);
  }
}

/** A later entry of the same name counts, as with tar; but a directory, perhaps full, does not give way to a file. */
function makeRoom(entry: LayerEntry, dirfd: number, name: string): void {
  const removed = unlinkat(dirfd, name, 0);
  if (removed === -E.EISDIR) throw new LayerError(`${shownName(entry.name)}: a directory first, and something else later`);
  check(removed, entry);
}

function check(result: number, entry: LayerEntry): void {
  if (result < 0) throw new LayerError(`${shownName(entry.name)}: ${new Errno(-result).message}`);
}

/** A directory that the archive speaks of only in its children's names. */
function unnamedDirectory(name: string): LayerEntry {
  return {
    type: 'directory', name, linkname: '', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0, mtimeNsec: 0, devMajor: 0, devMinor: 0, xattrs: [],
  };
}

/** Without setting it for a moment, as umask(2) must. */
function currentUmask(): number {
  return parseInt(/^Umask:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '777', 8);
}
