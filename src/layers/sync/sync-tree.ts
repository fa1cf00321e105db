// Makes a lower branch, or any directory, show what an upper branch shows: aubrsync(8)'s work without the union. What it changes on
// a lower branch of a mounted union, the upper branch hides. It can be interrupted and begun anew at any moment.

import { AT, mkdirat, readDirectory, readlinkat, unlinkat } from '../../posix/directory.js';
import { E, Errno, must } from '../../posix/errno.js';
import { O, close, openat, syncfs } from '../../posix/file.js';
import { S, Stat, fstat, statat } from '../../posix/stat.js';
import { withDirectories } from '../../posix/open-directories.js';
import { type Drop, type Signature, signatureOf } from '../../union/drop-upper.js';
import { WHITEOUT_PREFIX } from '../../union/name.js';
import { removeTree } from '../../union/remove-tree.js';
import { RENAMED_LIST } from '../../union/rename-record.js';
import { OPAQUE_MARK, isOpaque } from '../../union/whiteout.js';
import { RECORD_PREFIX } from '../entry-name.js';
import { LayerError, shownName } from '../error.js';
import { giveAttributes, sameAttributes, sameXattrs, xattrsOf } from './attributes.js';
import { type Part, type SyncBranch, enter, firstWith, leave } from './lower.js';
import { Workshop } from './workshop.js';

/** whiteout, opaque: a mark of that kind is made, because branches below show the name, or contents. */
export type SyncAction = 'add' | 'replace' | 'delete' | 'attributes' | 'whiteout' | 'opaque';

export interface SyncChange {
  action: SyncAction;
  /** From the root, beginning with `/`: bytes as a latin1 string. */
  path: string;
}

/** What could not be done, or (`stays`) what the upper branch must keep. */
export interface SyncLeft {
  path: string;
  reason: string;
  stays: boolean;
}

export interface SyncOptions {
  /** Paths as text. */
  upper: string;
  dest: string;
  /** In a union, the branches between the two and below DEST, from the top down. */
  between: readonly SyncBranch[];
  below: readonly SyncBranch[];
  /** Marks on DEST count. */
  whiteouts: boolean;
  dryRun: boolean;
  /** Nothing may be lost on the way: the upper branch is to be emptied. */
  move: boolean;
  onChange: (change: SyncChange) => void;
  onLeft: (left: SyncLeft) => void;
  onWarning: (message: string) => void;
  onBytes: (bytes: number) => void;
}

export interface Synced {
  /** Of the contents that are, or with `dryRun` would be, copied; the blocks that takes, less those that are freed, in bytes. */
  bytes: number;
  room: number;
  /** Something could not be done. */
  failed: boolean;
  /** What the upper branch need not have any more. */
  drops: Drop[];
}

/** Throws LayerError. */
export function syncTree(options: SyncOptions): Synced {
  const { upper, dest, between, below } = options;
  try {
    return withDirectories([upper, dest, ...between.map(({ path }) => path), ...below.map(({ path }) => path)], (fds) => {
      const parts = (from: number, branches: readonly SyncBranch[]): Part[] => branches.map((branch, i) => ({ ...branch, fd: fds[from + i] }));
      const sync = new Sync(options, fds[0], fds[1]);
      try {
        sync.all(parts(2, between), parts(2 + between.length, below));
        return sync.result();
      } finally {
        sync.close();
      }
    });
  } catch (error) {
    throw error instanceof Errno ? new LayerError(`${upper} cannot be copied to ${dest}: ${shownName(error.message)}`) : error;
  }
}

/** A directory on all the branches that matter. */
interface Place {
  /** '' for the root, else with a slash behind and none before. */
  path: string;
  up: number;
  /** -1: not there (yet), with `dryRun`. */
  down: number;
  between: readonly Part[];
  below: readonly Part[];
  /** Nothing of what is below the upper branch is seen in it. */
  opaque: boolean;
  /** It must hide what lies below DEST. */
  hides: boolean;
  /** Why the upper branch must keep all that is in it. */
  stays: string | null;
}

/** What can be taken away of a directory's contents. */
interface Done {
  opaque: Drop[];
  files: Drop[];
  directories: Drop[];
  links: { group: Links; path: string }[];
  /** All of it was done, and can be taken away. */
  whole: boolean;
  /** Something in it could not be done. */
  failed: boolean;
}

/** The names of a file that has several. */
interface Links {
  /** In the workshop; null where it is there already, with `dryRun`, and where there are no hard links. */
  copy: string | null;
  /** The number that DEST's has, and the first of its names there; 0 where it has none yet (`dryRun`). */
  ino: number;
  first: string;
  upper: Signature;
  seen: number;
}

interface Names {
  names: Set<string>;
  whiteouts: Set<string>;
  opaque: boolean;
}

const NO_NAMES: Names = { names: new Set(), whiteouts: new Set(), opaque: false };

/** After these nothing more can be done. */
const FATAL: readonly number[] = [E.ENOSPC, E.EDQUOT, E.EROFS, E.EIO];

class Sync {
  private readonly workshop: Workshop;
  private readonly device = new Stat();
  private readonly links = new Map<string, Links>();
  private readonly warned = new Set<string>();
  /** Directories that are new, and told of. */
  private readonly made = new Set<string>();
  private bytes = 0;
  private room = 0;
  private done!: Done;

  constructor(private readonly options: SyncOptions, private readonly upper: number, private readonly dest: number) {
    this.workshop = new Workshop(dest, (what) => this.lost(what), options.onBytes);
  }

  /** What is lost only where a copy is made beside the original is said once. */
  private lost(what: string): void {
    const { move, dest, onWarning } = this.options;
    if (move) throw new Errno(E.EPERM, `${dest} cannot hold its ${what}, which would be lost`);
    if (!this.warned.has(what)) onWarning(`${dest} cannot hold all ${what}: the copies are without them`);
    this.warned.add(what);
  }

  all(between: Part[], below: Part[]): void {
    const { upper, dest } = this;
    must(fstat(upper, this.device));
    if (statat(upper, RENAMED_LIST, new Stat()) >= 0) {
      throw new LayerError(`${this.options.upper} has directories that were renamed across branches (dirren), which only a union finds together again: copy from the mount point`);
    }
    if (!this.options.dryRun) this.workshop.sweep();
    const was = new Stat();
    must(fstat(dest, was));
    this.done = this.directory({ path: '', up: upper, down: dest, between, below, opaque: false, hides: false, stays: null });
    // It lies in the root, whose times come last.
    this.workshop.close();
    this.attributes('', upper, dest, this.device, was, this.done);
    if (!this.options.dryRun) must(syncfs(dest));
  }

  result(): Synced {
    const { opaque, files, directories, links, failed } = this.done;
    const groups = new Map<Links, string[]>();
    for (const { group, path } of links) groups.set(group, [...groups.get(group) ?? [], path]);
    const linked = [...groups].filter(([group, paths]) => paths.length === group.seen)
      .map(([group, paths]): Drop => ({ kind: 'file', paths, upper: group.upper }));
    return { bytes: this.bytes, room: this.room, failed, drops: [...opaque, ...files, ...linked, ...directories] };
  }

  close(): void {
    this.workshop.close();
  }

  // --- a directory ----------------------------------------------------------------------------------

  private directory(place: Place): Done {
    const done: Done = { opaque: [], files: [], directories: [], links: [], whole: place.stays === null, failed: false };
    const upper = namesIn(place.up);
    const here = place.down < 0 ? NO_NAMES : namesIn(place.down);
    const isMarked = upper.opaque && place.path !== '';
    // A file system's own.
    if (place.path === '') upper.names.delete('lost+found');
    const inner = this.hiding({ ...place, opaque: place.opaque || isMarked }, here, done);
    this.deletions(inner, upper, here, done);
    for (const name of [...upper.names].sort()) {
      if (upper.whiteouts.has(name)) continue;
      this.attempt(inner.path + name, done, () => this.entry(inner, name, here, done));
    }
    if (isMarked) this.dropMark(inner, done);
    return done;
  }

  /** DEST's directory is made opaque where the branches below it would show through. */
  private hiding(place: Place, here: Names, done: Done): Place {
    if (here.opaque && this.options.whiteouts) return { ...place, below: [] };
    if (!(place.opaque || place.hides) || place.below.length === 0) return place;
    if (!this.options.whiteouts) return this.keep(place, `${place.below[0].path} would show through, since marks on ${this.options.dest} do not count`, done);
    this.attempt(place.path, done, () => {
      this.change('opaque', place.path);
      if (!this.options.dryRun) this.workshop.mark(place.down, OPAQUE_MARK);
    });
    return { ...place, below: [] };
  }

  /** Nothing in it may be taken away. */
  private keep(place: Place, reason: string, done: Done): Place {
    done.whole = false;
    if (place.stays !== null) return place;
    this.left(place.path, reason);
    return { ...place, stays: reason };
  }

  /** An opaque mark is taken away before what is in the directory, which would not be seen on DEST; or nothing of it is. */
  private dropMark(place: Place, done: Done): void {
    if (done.failed) done.opaque = done.files = done.directories = done.links = [] as never[];
    else if (place.stays === null) done.opaque.unshift({ kind: 'opaque', path: place.path.slice(0, -1) });
  }

  private deletions(place: Place, upper: Names, here: Names, done: Done): void {
    const hidden = place.opaque ? [...here.names].filter((name) => !upper.names.has(name)) : [];
    for (const name of new Set([...[...upper.whiteouts].filter((each) => here.names.has(each)), ...hidden])) {
      this.attempt(place.path + name, done, () => this.delete(place, name));
    }
    for (const name of upper.whiteouts) this.attempt(place.path + name, done, () => this.whiteout(place, name, here, done));
  }

  private delete({ path, down }: Place, name: string): void {
    this.change('delete', path + name);
    this.room -= roomOf(down, name);
    if (!this.options.dryRun) removeTree(down, name);
  }

  private whiteout(place: Place, name: string, here: Names, done: Done): void {
    const { path, between, below, down, stays, opaque } = place;
    const inWay = opaque ? undefined : firstWith(between, name);
    const shows = opaque ? undefined : firstWith(below, name);
    let why = inWay?.hidden === false ? `${inWay.path} would show it` : null;
    if (shows?.hidden === false) {
      if (this.options.whiteouts) {
        if (!here.whiteouts.has(name)) this.change('whiteout', path + name);
        if (!this.options.dryRun) this.workshop.mark(down, WHITEOUT_PREFIX + name);
      } else why ??= `${shows.path} would show it, since marks on ${this.options.dest} do not count`;
    }
    if (why !== null && stays === null) {
      done.whole = false;
      this.left(path + name, `its whiteout: ${why}`);
    } else if (stays === null) done.files.push({ kind: 'whiteout', path: path + name });
  }

  // --- an entry ---------------------------------------------------------------------------------------

  private entry(place: Place, name: string, here: Names, done: Done): void {
    const st = new Stat();
    must(statat(place.up, name, st));
    if ((st.mode & S.IFMT) === S.IFDIR) this.subdirectory(place, name, st, here, done);
    else this.leaf(place, name, st, here, done);
    if (here.whiteouts.has(name) && !this.options.dryRun) must(unlinkat(place.down, WHITEOUT_PREFIX + name, 0));
  }

  private subdirectory(place: Place, name: string, st: Stat, here: Names, done: Done): void {
    const path = place.path + name;
    if (st.devMajor !== this.device.devMajor || st.devMinor !== this.device.devMinor) {
      done.whole = false;
      this.left(path, 'is on another file system, which is no part of the branch');
      return;
    }
    const up = must(openat(place.up, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), shownName(path));
    let down = -1;
    let between: ReturnType<typeof enter> = { parts: [], ends: null };
    let below = between;
    const was = new Stat();
    let child: Done | null = null;
    try {
      between = enter(place.between, name);
      below = enter(place.below, name);
      down = this.enterDest(place, name, here);
      if (down >= 0) must(fstat(down, was));
      const marked = place.opaque || isOpaque(up);
      const stays = place.stays ?? (between.ends !== null ? `${between.ends} would hide it`
        : marked && between.parts.length > 0 ? `${between.parts[0].path} would show through` : null);
      if (stays !== null && place.stays === null) this.left(path, stays);
      child = this.directory({
        path: `${path}/`, up, down, between: between.parts, below: below.parts, opaque: place.opaque, hides: this.options.whiteouts && here.whiteouts.has(name), stays,
      });
      this.attributes(path, up, down, st, was, child);
      if (child.whole) this.directoryMayGo(place, name, st, between.parts, child);
    } finally {
      leave(between.parts);
      leave(below.parts);
      close(up);
      if (down >= 0) close(down);
    }
    if (child.whole) child.directories.push({ kind: 'directory', path });
    append(done, child);
  }

  /** Once the upper directory is gone, the next one is seen. */
  private directoryMayGo(place: Place, name: string, st: Stat, between: readonly Part[], child: Done): void {
    const next = firstWith(place.between, name);
    if (next === undefined) return;
    const isDirectory = between.length > 0 && between[0].path === next.path;
    if (isDirectory && sameAsNext(st, between[0])) return;
    child.whole = false;
    this.left(place.path + name, `the directory: ${next.path} would show ${isDirectory ? 'other attributes' : 'something else of that name'}`);
  }

  /** DEST's directory of that name, made if need be, closed to others until all is in it; -1 with `dryRun` where it is not there. */
  private enterDest(place: Place, name: string, here: Names): number {
    const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
    const there = here.names.has(name) ? openat(place.down, name, flags, 0) : -E.ENOENT;
    if (there >= 0) return there;
    if (there !== -E.ENOENT && there !== -E.ENOTDIR && there !== -E.ELOOP) throw new Errno(-there);
    this.change(there === -E.ENOENT ? 'add' : 'replace', place.path + name);
    this.made.add(place.path + name);
    if (this.options.dryRun) return -1;
    if (there !== -E.ENOENT) removeTree(place.down, name);
    must(mkdirat(place.down, name, 0o700));
    return must(openat(place.down, name, flags, 0));
  }

  /** `was`: DEST's before anything was changed in it. */
  private attributes(path: string, up: number, down: number, st: Stat, was: Stat, done: Done): void {
    if (down < 0) return;
    this.attempt(path, done, () => {
      const same = sameXattrs(xattrsOf(up, '.'), xattrsOf(down, '.'));
      if (!this.made.has(path) && !(same && sameAttributes(st, was))) this.change('attributes', path);
      const now = new Stat();
      must(fstat(down, now));
      if (this.options.dryRun || (same && sameAttributes(st, now))) return;
      giveAttributes(st, { dirfd: up, name: '.', fd: up }, { dirfd: down, name: '.', fd: down }, (what) => this.lost(what));
    });
  }

  private leaf(place: Place, name: string, st: Stat, here: Names, done: Done): void {
    const path = place.path + name;
    const upper = signatureOf(st);
    if (st.nlink > 1) this.linked(place, name, st, here, done);
    else {
      if (!this.isSame(place, name, st, here)) {
        this.change(here.names.has(name) ? 'replace' : 'add', path);
        this.count(place, name, st, here);
        if (!this.options.dryRun) this.put(place, name, this.workshop.copy(place.up, name, st), here);
      }
      if (this.mayGo(place, name, done)) done.files.push({ kind: 'file', paths: [path], upper });
    }
  }

  /** A file with several names: the first that is met is copied, the others become links of it. */
  private linked(place: Place, name: string, st: Stat, here: Names, done: Done): void {
    const path = place.path + name;
    const key = `${st.devMajor}:${st.devMinor}:${st.ino}`;
    let group = this.links.get(key);
    const there = new Stat();
    if (here.names.has(name)) must(statat(place.down, name, there));
    if (group === undefined) {
      group = { copy: null, ino: 0, first: path, upper: signatureOf(st), seen: 0 };
      if (this.isSame(place, name, st, here)) group.ino = there.ino;
      else {
        this.change(here.names.has(name) ? 'replace' : 'add', path);
        this.count(place, name, st, here);
      }
      if (!this.options.dryRun && group.ino === 0) this.firstLink(group, place, name, st, here);
      this.links.set(key, group);
    } else if (group.ino === 0 || there.ino !== group.ino) {
      this.change(here.names.has(name) ? 'replace' : 'add', path);
      if (!this.options.dryRun) this.nextLink(group, place, name, st, here);
    }
    group.seen++;
    if (this.mayGo(place, name, done)) done.links.push({ group, path });
  }

  private firstLink(group: Links, place: Place, name: string, st: Stat, here: Names): void {
    const copy = this.workshop.copy(place.up, name, st);
    group.copy = this.workshop.link(copy);
    this.put(place, name, copy, here);
    const made = new Stat();
    must(statat(place.down, name, made));
    group.ino = made.ino;
  }

  private nextLink(group: Links, place: Place, name: string, st: Stat, here: Names): void {
    const link = group.copy === null ? this.workshop.linkOf(group.first) : this.workshop.link(group.copy);
    // No hard links there: files of their own.
    if (link === null) this.lost('hard links');
    this.put(place, name, link ?? this.workshop.copy(place.up, name, st), here);
  }

  private put(place: Place, name: string, copy: string, here: Names): void {
    if (here.names.has(name) && unlinkat(place.down, name, AT.REMOVEDIR) === -E.ENOTEMPTY) removeTree(place.down, name);
    this.workshop.place(copy, place.down, name);
    // Where the union is not held still: removed meanwhile, it is not to come up again.
    const now = new Stat();
    if (statat(place.up, name, now) < 0) removeTree(place.down, name);
  }

  private count(place: Place, name: string, st: Stat, here: Names): void {
    this.bytes += (st.mode & S.IFMT) === S.IFREG ? st.size : 0;
    this.room += st.blocks * 512 - (here.names.has(name) ? roomOf(place.down, name) : 0);
  }

  /** As rsync decides, by size and time, and by the attributes. */
  private isSame(place: Place, name: string, st: Stat, here: Names): boolean {
    if (!here.names.has(name)) return false;
    const there = new Stat();
    if (statat(place.down, name, there) < 0 || !sameAttributes(st, there) || st.rdevMajor !== there.rdevMajor || st.rdevMinor !== there.rdevMinor) return false;
    const type = st.mode & S.IFMT;
    if (type === S.IFREG && st.size !== there.size) return false;
    if (type === S.IFLNK && readlinkat(place.up, name) !== readlinkat(place.down, name)) return false;
    return sameXattrs(xattrsOf(place.up, name), xattrsOf(place.down, name));
  }

  /** Whether the upper branch's file can go: nothing between would be seen in its stead. */
  private mayGo({ path, stays, between }: Place, name: string, done: Done): boolean {
    if (stays !== null) return false;
    const inWay = firstWith(between, name);
    if (inWay === undefined) return true;
    done.whole = false;
    this.left(path + name, inWay.hidden ? `${inWay.path} has a whiteout of it, which would hide it` : `${inWay.path} has the name, too, and would hide it`);
    return false;
  }

  // --- what is told -----------------------------------------------------------------------------------

  private change(action: SyncAction, path: string): void {
    this.options.onChange({ action, path: `/${path.replace(/\/$/, '')}` });
  }

  private left(path: string, reason: string): void {
    if (this.options.move) this.options.onLeft({ path: `/${path.replace(/\/$/, '')}`, reason, stays: true });
  }

  private attempt(path: string, done: Done, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof Errno) || FATAL.includes(error.errno)) throw error;
      done.whole = false;
      done.failed = true;
      this.options.onLeft({ path: `/${path.replace(/\/$/, '')}`, reason: error.message, stays: false });
    }
  }
}

function append(done: Done, child: Done): void {
  for (const list of ['opaque', 'files', 'directories'] as const) for (const drop of child[list]) done[list].push(drop);
  for (const link of child.links) done.links.push(link);
  done.whole &&= child.whole;
  done.failed ||= child.failed;
}

function sameAsNext(st: Stat, part: Part): boolean {
  const next = new Stat();
  must(fstat(part.fd, next));
  return sameAttributes(st, next);
}

function roomOf(dirfd: number, name: string): number {
  const st = new Stat();
  return statat(dirfd, name, st) >= 0 && st.nlink === 1 ? st.blocks * 512 : 0;
}

/** A directory's names: what users see, and what whiteouts hide. */
function namesIn(fd: number): Names {
  const found: Names = { names: new Set(), whiteouts: new Set(), opaque: false };
  const at = must(openat(fd, '.', O.RDONLY | O.DIRECTORY, 0));
  try {
    must(readDirectory(at, (name) => {
      if (name === OPAQUE_MARK) found.opaque = true;
      else if (name.startsWith(RECORD_PREFIX)) return;
      else if (name.startsWith(WHITEOUT_PREFIX)) found.whiteouts.add(name.slice(WHITEOUT_PREFIX.length));
      else found.names.add(name);
    }));
  } finally {
    close(at);
  }
  return found;
}
