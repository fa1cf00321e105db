// Copies are made in a directory of their own, which nobody else can enter, and renamed into place.

import { AT, linkat, mkdirat, mknodat, readDirectory, readlinkat, renameat2, symlinkat, unlinkat } from '../../posix/directory.js';
import { E, Errno, must } from '../../posix/errno.js';
import { O, close, openat, openat2Beneath } from '../../posix/file.js';
import { S, Stat, fstat } from '../../posix/stat.js';
import { ContentCopy, shareData } from '../../union/copy-data.js';
import { removeTree } from '../../union/remove-tree.js';
import { WHITEOUT_BASE } from '../../union/whiteout.js';
import { giveAttributes } from './attributes.js';

const PREFIX = '.wh..wh.sync-';
const PIECE = 4 << 20;

const st = new Stat();

export class Workshop {
  private fd = -1;
  private next = 0;
  private readonly name = `${PREFIX}${process.pid}`;

  /** `root`: of the branch or directory that the copies are for. `moved` is told of bytes as they are copied. */
  constructor(private readonly root: number, private readonly lost: (what: string) => void, private readonly moved: (bytes: number) => void) {}

  /** Removes what was left by others that were killed. */
  sweep(): void {
    const names: string[] = [];
    must(readDirectory(this.root, (name) => names.push(name)));
    for (const name of names) if (name.startsWith(PREFIX) && !isRunning(Number(name.slice(PREFIX.length)))) removeTree(this.root, name);
  }

  private open(): number {
    if (this.fd >= 0) return this.fd;
    must(mkdirat(this.root, this.name, 0o700));
    this.fd = must(openat(this.root, this.name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0));
    return this.fd;
  }

  /** A copy of what is no directory, with its attributes. Returns its name here. Throws Errno. */
  copy(dirfd: number, name: string, from: Stat): string {
    const home = this.open();
    const copy = String(this.next++);
    const type = from.mode & S.IFMT;
    if (type === S.IFREG) this.copyFile(dirfd, name, from, copy);
    else {
      if (type === S.IFLNK) {
        const target = readlinkat(dirfd, name);
        if (typeof target === 'number') throw new Errno(-target);
        must(symlinkat(target, home, copy));
      } else must(mknodat(home, copy, type | 0o600, from.rdevMajor, from.rdevMinor));
      giveAttributes(from, { dirfd, name, fd: -1 }, { dirfd: home, name: copy, fd: -1 }, this.lost);
    }
    return copy;
  }

  private copyFile(dirfd: number, name: string, from: Stat, copy: string): void {
    const home = this.open();
    const source = must(openat(dirfd, name, O.RDONLY | O.NOFOLLOW | O.NONBLOCK, 0));
    let target = -1;
    try {
      target = must(openat(home, copy, O.RDWR | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600));
      if (!shareData(source, target)) this.content(source, target, from.size);
      giveAttributes(from, { dirfd, name, fd: source }, { dirfd: home, name: copy, fd: target }, this.lost);
      must(fstat(source, st));
      const same = st.ino === from.ino && st.size === from.size && st.mtime === from.mtime && st.mtimeNsec === from.mtimeNsec;
      if (!same) throw new Errno(E.EBUSY, 'was changed while it was copied');
    } catch (error) {
      unlinkat(home, copy, 0);
      throw error;
    } finally {
      if (target >= 0) close(target);
      close(source);
    }
  }

  private content(source: number, target: number, size: number): void {
    const content = new ContentCopy(source, target, size);
    let told = 0;
    for (let done = false; !done; ) {
      done = content.piece(PIECE);
      this.moved(content.moved - told);
      told = content.moved;
    }
  }

  /** Another name here of a copy; null where there are no hard links. */
  link(copy: string): string | null {
    return this.linkIn(this.open(), copy);
  }

  /** The same of a file below the root. */
  linkOf(path: string): string | null {
    const cut = path.lastIndexOf('/');
    const directory = openat2Beneath(this.root, cut < 0 ? '.' : path.slice(0, cut), O.PATH | O.DIRECTORY);
    if (directory < 0) return null;
    try {
      return this.linkIn(directory, path.slice(cut + 1));
    } finally {
      close(directory);
    }
  }

  private linkIn(dirfd: number, name: string): string | null {
    const link = String(this.next++);
    return linkat(dirfd, name, this.open(), link, 0) < 0 ? null : link;
  }

  /** Moves a copy into its place, over whatever is there but a directory. */
  place(copy: string, dirfd: number, name: string): void {
    const result = renameat2(this.open(), copy, dirfd, name, 0);
    // Two names of one file: nothing happens.
    unlinkat(this.open(), copy, 0);
    must(result);
  }

  /** An opaque mark or a whiteout, a link of the branch's own file for them where it has one. */
  mark(dirfd: number, name: string): void {
    const linked = linkat(this.root, WHITEOUT_BASE, dirfd, name, 0);
    if (linked >= 0 || linked === -E.EEXIST) return;
    close(must(openat(dirfd, name, O.CREAT | O.WRONLY | O.NOFOLLOW, 0o444)));
  }

  close(): void {
    if (this.fd < 0) return;
    close(this.fd);
    this.fd = -1;
    removeTree(this.root, this.name);
    unlinkat(this.root, this.name, AT.REMOVEDIR);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
