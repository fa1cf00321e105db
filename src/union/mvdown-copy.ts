// The copy that a move-down makes (mvdown.ts), from its first byte to its place on the lower branch.

import { futimens } from '../posix/attributes.js';
import { mknodat, readlinkat, renameat2, symlinkat, unlinkat } from '../posix/directory.js';
import { Errno, must } from '../posix/errno.js';
import { O, close, dup, fsync, openat } from '../posix/file.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { NR } from '../posix/syscall.js';
import { listXattr } from '../posix/xattr.js';
import { copyAttributes } from './copy-attributes.js';
import { copyContent, copySmall, shareData } from './copy-data.js';
import { ensureDirectory, moveIn, temporaryName } from './copyup.js';
import { clearBehindWhiteout } from './create.js';
import { NotMoved, type Site, mustHaveRoom } from './mvdown-site.js';
import { PACE } from './pace.js';
import { openNode } from './place.js';
import type { UnionState } from './state.js';
import { borrowOrphans } from './whiteout.js';

/** What a move waits for: `begin` has a helper begin it, and returns how to stop it. */
export interface Wait {
  begin(done: (result: number) => void): () => void;
  progress: () => { bytes: number; size: number };
}

const copied = new Stat();

/** The copy, first under a hidden name. */
export class Copy {
  readonly temporary = temporaryName();
  private readonly orphans: ReturnType<typeof borrowOrphans>;
  /** Of a regular file. */
  from = -1;
  private to = -1;
  bytes = 0;
  /** Where it is: under its hidden name, in its place, or (then it stays) for good. */
  private state: 'nowhere' | 'hidden' | 'placed' | 'kept' = 'nowhere';
  /** Of the directory that it was placed in. */
  private directory = -1;
  private name = '';
  overwrote = false;

  constructor(private readonly u: UnionState, readonly site: Site) {
    this.orphans = borrowOrphans(site.lower);
  }

  begin(): void {
    const { u, site, orphans, temporary } = this;
    const { stat, node } = site;
    mustHaveRoom(u, site, node.type === S.IFREG);
    if (node.type === S.IFREG) {
      this.from = must(openNode(u, node, O.RDONLY));
      this.to = must(openat(orphans.fd, temporary, O.CREAT | O.EXCL | O.RDWR | O.NOFOLLOW, 0o600));
    } else if (node.type === S.IFLNK) {
      const target = readlinkat(u.directoryOn(site.parent, site.upper), site.name);
      if (typeof target === 'number') throw new Errno(-target);
      must(symlinkat(target, orphans.fd, temporary));
    } else must(mknodat(orphans.fd, temporary, node.type | 0o600, stat.rdevMajor, stat.rdevMinor));
    this.state = 'hidden';
  }

  *content(): Generator<Wait, void, number> {
    const { u, site, from, to } = this;
    const { size, blocks } = site.stat;
    if (to < 0 || shareData(from, to)) return;
    mustHaveRoom(u, site);
    const afar = site.upper.pace === PACE.REMOTE || site.lower.pace === PACE.REMOTE;
    const { helpers } = u;
    if (!afar && copySmall(from, to, size, blocks)) this.bytes = size;
    else if (helpers === null) this.bytes = copyContent(from, to, size);
    else {
      const made = new Stat();
      this.bytes = must(yield {
        begin: (done) => {
          const copying = helpers.copy(from, to, size, afar, done);
          return () => copying.stop();
        },
        progress: () => ({ bytes: fstat(to, made) >= 0 ? made.size : 0, size }),
      });
    }
  }

  attributes(site: Site): void {
    const { u, from, to, temporary, orphans } = this;
    if (to >= 0) copyAttributes(u, site.stat, { fd: from, name: '' }, { fd: to, name: '' }, site.lower);
    else copyAttributes(u, site.stat, { fd: u.directoryOn(site.parent, site.upper), name: site.name }, { fd: orphans.fd, name: temporary }, site.lower);
    this.mustBeTheSame(site);
  }

  /** An ordinary user cannot give files away, and not every file system holds everything: then the file stays where it is. */
  private mustBeTheSame(site: Site): void {
    const { temporary, orphans } = this;
    const { stat, lower } = site;
    must(statat(orphans.fd, temporary, copied));
    if (copied.uid !== stat.uid || copied.gid !== stat.gid) throw lost(lower.path, 'its owner');
    if (copied.mode !== stat.mode) throw lost(lower.path, 'its permissions');
    // FAT counts two seconds.
    if (Math.abs(copied.mtime - stat.mtime) > 2) throw lost(lower.path, 'its times');
    if (this.to >= 0 && copied.size !== stat.size) throw new NotMoved('in-use', 'was cut while it was copied; try again');
    if (lower.spec.icex.length > 0) return;
    const names = listXattr(this.u.directoryOn(site.parent, site.upper), site.name);
    const there = listXattr(orphans.fd, temporary);
    const missing = Array.isArray(names) ? names.find((name) => !Array.isArray(there) || !there.includes(name)) : undefined;
    if (missing !== undefined) throw lost(lower.path, `its extended attribute ${missing}`);
  }

  /** Before the upper file goes, what replaces it is on the disk. */
  *sync(): Generator<Wait, void, number> {
    if (this.to >= 0) yield* synced(this.u, this.site, this.to);
  }

  *syncPlace(): Generator<Wait, void, number> {
    yield* synced(this.u, this.site, this.directory);
  }

  /** On the lower branch, where the upper one hides it. */
  place(site: Site): void {
    const { u, temporary, orphans } = this;
    const { parent, name, lower } = site;
    u.watch?.own.comes(parent, name);
    const borrowed = lower.orphanDir < 0;
    if (borrowed) lower.orphanDir = orphans.fd;
    try {
      ensureDirectory(u, parent, lower);
      const directory = u.directoryOn(parent, lower);
      if (site.whiteout) clearBehindWhiteout(u, lower, directory, name);
      this.directory = must(openat(directory, '.', O.RDONLY | O.DIRECTORY, 0));
      this.name = name;
      this.overwrote = site.overwrites;
      keepingTimes(directory, () => {
        must(site.overwrites
          ? renameat2(orphans.fd, temporary, directory, name, 0)
          : moveIn(orphans.fd, temporary, directory, name));
        this.state = 'placed';
      });
    } finally {
      if (borrowed) lower.orphanDir = -1;
    }
  }

  /** It is the file now, or is to lie below it. */
  keep(): void {
    this.state = 'kept';
  }

  close(): void {
    if (this.state === 'hidden') unlinkat(this.orphans.fd, this.temporary, 0);
    // The upper file hides it; what it has replaced is gone.
    if (this.state === 'placed' && !this.overwrote) unlinkat(this.directory, this.name, 0);
    for (const fd of [this.from, this.to, this.directory]) if (fd >= 0) close(fd);
    this.orphans.giveBack();
  }
}

function lost(branch: string, what: string): NotMoved {
  return new NotMoved('attributes', `${branch} cannot hold ${what}, which would be lost; move it as root, or to a branch on another file system`);
}

function* synced(u: UnionState, { lower }: Site, fd: number): Generator<Wait, void, number> {
  if (u.options.volatile || lower.pace === PACE.MEMORY) return;
  const { helpers } = u;
  if (helpers === null) {
    must(fsync(fd));
    return;
  }
  const own = must(dup(fd));
  must(yield {
    begin: (done) => {
      helpers.call('sync', NR.fsync, [own], (result) => {
        close(own);
        done(result);
      });
      return () => undefined;
    },
    progress: () => ({ bytes: 1, size: 1 }),
  });
}

const before = new Stat();

/** To the user nothing comes or goes. Who does not own a directory cannot keep its times. */
export function keepingTimes<Result>(directory: number, work: () => Result): Result {
  must(fstat(directory, before));
  const { atime, atimeNsec, mtime, mtimeNsec } = before;
  const result = work();
  futimens(directory, atime, atimeNsec, mtime, mtimeNsec);
  return result;
}
