// The directories on the way to an entry, open. Each was opened by its name in the one before, never through a symlink: an
// archive that makes one and goes on through it gets nowhere.

import { mkdirat, unlinkat } from '../posix/directory.js';
import { E, Errno } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { LayerError, shownName } from './error.js';

interface OpenDirectory {
  name: string;
  fd: number;
}

const FLAGS = O.PATH | O.DIRECTORY | O.NOFOLLOW;

export class OpenDirectories {
  /** From the root, which is not among them, down to the one of the last call. */
  private readonly open: OpenDirectory[] = [];

  /** `made` is told of each directory that is made on the way and is no entry itself (yet). */
  constructor(private readonly root: number, private readonly made: (path: string) => void) {}

  /**
   * The descriptor (O_PATH) of a directory, valid until the next call; what is missing on the way is made. `asEntry`: the
   * archive has it as an entry of its own, which takes the place of a file or symlink of that name. Throws LayerError.
   */
  enter(parts: readonly string[], asEntry = false): number {
    let depth = 0;
    while (depth < parts.length && depth < this.open.length && this.open[depth].name === parts[depth]) depth++;
    this.leave(depth);
    let fd = depth === 0 ? this.root : this.open[depth - 1].fd;
    for (; depth < parts.length; depth++) {
      fd = this.enterOne(fd, parts, depth, asEntry && depth === parts.length - 1);
      this.open.push({ name: parts[depth], fd });
    }
    return fd;
  }

  /** Opens a directory beside the others, for the caller to close; makes nothing. Or -errno. */
  find(parts: readonly string[]): number {
    let fd = openat(this.root, '.', FLAGS, 0);
    for (const part of parts) {
      if (fd < 0) break;
      const next = openat(fd, part, FLAGS, 0);
      close(fd);
      fd = next;
    }
    return fd;
  }

  closeAll(): void {
    this.leave(0);
  }

  private leave(depth: number): void {
    while (this.open.length > depth) close(this.open.pop()!.fd);
  }

  private enterOne(dirfd: number, parts: readonly string[], depth: number, asEntry: boolean): number {
    const name = parts[depth];
    let opened = openat(dirfd, name, FLAGS, 0);
    if (opened >= 0) return opened;
    const path = parts.slice(0, depth + 1).join('/');
    if (opened === -E.ENOTDIR || opened === -E.ELOOP) {
      if (!asEntry) {
        throw new LayerError(`${shownName(parts.join('/'))}: a path through ${shownName(path)}, which is not a directory but a symlink or a file`);
      }
      unlinkat(dirfd, name, 0);
    }
    // Closed to others, and open to us whatever the archive says, until all is in it.
    const result = mkdirat(dirfd, name, 0o700);
    if (result >= 0) opened = openat(dirfd, name, FLAGS, 0);
    if (result < 0 || opened < 0) throw new LayerError(`${shownName(path)}: ${new Errno(-Math.min(result, opened)).message}`);
    if (!asEntry) this.made(path);
    return opened;
  }
}
