// Making new names: create, mknod, symlink, mkdir, tmpfile. A new name goes to the branch that the create
// policy chooses; a whiteout of it there is removed once the new thing stands in its place, so that at no
// moment the name shows what lies below.

import { E, Errno, must } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { mkdirat, mknodat, symlinkat, unlinkat } from '../posix/directory.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { removeQuietly } from './aside.js';
import type { Branch } from './branch.js';
import { ensureDirectory, temporaryName } from './copyup.js';
import { type FileHandle, makeHandle, open, refuseDirect } from './file-handle.js';
import { mayRemoveHidden } from './hidden.js';
import { Probe, nodeOf, probe } from './lookup.js';
import { checkName } from './name.js';
import { Node } from './node.js';
import { adoptWhiteout, isWhiteoutNumber } from './overlay-marks.js';
import { createBranch, mustTakeEntries } from './policy.js';
import { removeTree } from './remove-tree.js';
import { fillAttributes } from './shown.js';
import type { UnionState } from './state.js';
import { makeOpaque, removeWhiteout } from './whiteout.js';
import { forgetInode, unionInode } from './xino.js';

const existing = new Probe();

/** A name to be made: where, and whether a whiteout of it stands there. */
interface Site {
  branch: Branch;
  dirfd: number;
  whiteout: boolean;
}

const site: Site = { branch: null as unknown as Branch, dirfd: -1, whiteout: false };

/** Chooses and prepares the place of a new name. Throws EEXIST if the name is there, EROFS if nothing takes it. */
function prepare(u: UnionState, parent: Node, name: string, isDirectory: boolean): Site {
  checkName(name);
  u.refresh(parent);
  if (parent.removed) throw new Errno(E.ENOENT);
  if (probe(u, parent, name, existing)) throw new Errno(E.EEXIST);
  return prepareAbsent(u, parent, name, isDirectory);
}

function prepareAbsent(u: UnionState, parent: Node, name: string, isDirectory: boolean): Site {
  mustTakeEntries(u, parent);
  u.watch?.own.comes(parent, name);
  const branch = createBranch(u, parent, existing.whiteout, isDirectory);
  ensureDirectory(u, parent, branch);
  site.branch = branch;
  site.dirfd = u.directoryOn(parent, branch);
  site.whiteout = existing.whiteout === branch;
  if (site.whiteout) clearBehindWhiteout(u, branch, site.dirfd, name);
  return site;
}

/**
 * Where a name is to be made that a whiteout on the branch hides. What stands beside its own whiteout is not seen: left by
 * a crash, or put there directly.
 */
export function clearBehindWhiteout(u: UnionState, branch: Branch, dirfd: number, name: string): void {
  adoptWhiteout(u, branch, dirfd, name);
  if (statat(dirfd, name, beside) < 0) return;
  mayRemoveHidden(u, dirfd, name);
  removeTree(dirfd, name);
}

const beside = new Stat();

/** The whiteout goes once the name is made; then the name is seen. If it cannot go, the name does. */
function reveal(at: Site, name: string): void {
  if (!at.whiteout) return;
  try {
    removeWhiteout(at.dirfd, name);
  } catch (error) {
    removeQuietly(at.dirfd, name);
    throw error;
  }
}

/** What was done, in its order, and then the operation. */
function tell(u: UnionState, kind: 'create' | 'mkdir', at: Site, node: Node, opaque = false): void {
  const path = node.path();
  if (opaque) u.event('opaque', at.branch, path);
  if (at.whiteout) u.event('unwhiteout', at.branch, path);
  u.event(kind, at.branch, path);
}

/** The node of what was just made. */
function made(u: UnionState, at: Site, parent: Node, name: string, out: Stat): Node {
  must(statat(at.dirfd, name, out));
  return known(u, at, parent, name, out);
}

/** The node of what was just made, its attributes on the branch being in `out`. */
function known(u: UnionState, at: Site, parent: Node, name: string, out: Stat): Node {
  // A new inode: an old entry under its number belongs to a file that is gone.
  forgetInode(at.branch, out);
  const ino = unionInode(at.branch, out);
  const stale = u.nodes.find(ino);
  if (stale !== undefined) u.nodes.disown(stale);
  const node = new Node(ino, out.mode & S.IFMT, parent, name, at.branch.alone);
  parent.version++;
  node.epoch = u.epoch;
  u.nodes.add(node);
  fillAttributes(u, node, out);
  return node;
}

/** CREATE: makes and opens a file; without O_EXCL an existing one is opened. */
export function create(
  u: UnionState, parent: Node, name: string, flags: number, mode: number, out: Stat, kill: boolean,
): FileHandle {
  checkName(name);
  u.refresh(parent);
  if (parent.removed) throw new Errno(E.ENOENT);
  if (probe(u, parent, name, existing)) {
    if (flags & O.EXCL) throw new Errno(E.EEXIST);
    const node = nodeOf(u, parent, name, existing, out);
    try {
      return open(u, node, flags, kill);
    } catch (error) {
      u.nodes.drop(node);
      throw error;
    }
  }
  refuseDirect(u, flags);
  u.room.checkForFile(parent.top.root);
  const at = prepareAbsent(u, parent, name, false);
  const open0 = (flags & (O.ACCMODE | O.DSYNC | O.SYNC)) | O.CREAT | O.EXCL | O.NOFOLLOW;
  u.asCaller();
  const fd = openat(at.dirfd, name, open0, mode & 0o7777);
  u.asSelf();
  must(fd);
  try {
    reveal(at, name);
    must(fstat(fd, out));
    const node = known(u, at, parent, name, out);
    node.writtenHere = true;
    if (u.wantEvents) tell(u, 'create', at, node);
    return makeHandle(u, node, flags, fd, out);
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** MKNOD: a file, fifo, socket or device. */
export function mknod(
  u: UnionState, parent: Node, name: string, mode: number, rdevMajor: number, rdevMinor: number, out: Stat,
): Node {
  // As overlayfs: what would hide the name cannot be shown under it.
  if (u.options.overlayMarks && (mode & S.IFMT) === S.IFCHR && isWhiteoutNumber(rdevMajor, rdevMinor)) throw new Errno(E.EPERM);
  const at = prepare(u, parent, name, false);
  u.asCaller();
  const result = mknodat(at.dirfd, name, mode, rdevMajor, rdevMinor);
  u.asSelf();
  return created(u, at, parent, name, result, out);
}

export function symlink(u: UnionState, parent: Node, name: string, target: string, out: Stat): Node {
  const at = prepare(u, parent, name, false);
  u.asCaller();
  const result = symlinkat(target, at.dirfd, name);
  u.asSelf();
  return created(u, at, parent, name, result, out);
}

/** After the system call that made the name, whose result is `result`: the whiteout goes, and the node is known. */
function created(u: UnionState, at: Site, parent: Node, name: string, result: number, out: Stat): Node {
  must(result);
  reveal(at, name);
  const node = made(u, at, parent, name, out);
  if (u.wantEvents) tell(u, 'create', at, node);
  return node;
}

/**
 * MKDIR. Over a whiteout (or always, with diropq=a) the new directory is opaque: what lies below under its
 * name must not come up again. The mark is made while the whiteout still hides the directory.
 */
export function mkdir(u: UnionState, parent: Node, name: string, mode: number, out: Stat): Node {
  const at = prepare(u, parent, name, true);
  u.asCaller();
  const result = mkdirat(at.dirfd, name, mode & 0o7777);
  u.asSelf();
  must(result);
  const opaque = at.whiteout || u.options.diropq === 'a';
  if (opaque) {
    try {
      const fd = must(openat(at.dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0));
      try {
        makeOpaque(at.branch, fd);
      } finally {
        close(fd);
      }
    } catch (error) {
      removeQuietly(at.dirfd, name);
      throw error;
    }
  }
  reveal(at, name);
  const node = made(u, at, parent, name, out);
  if (opaque) node.limit = at.branch.index;
  if (u.wantEvents) tell(u, 'mkdir', at, node, opaque);
  return node;
}

/** TMPFILE: a file without a name, on the branch where a new name in `parent` would go. */
export function tmpfile(u: UnionState, parent: Node, flags: number, mode: number, out: Stat): FileHandle {
  u.refresh(parent);
  u.room.checkForFile(parent.top.root);
  const branch = createBranch(u, parent, null, false);
  ensureDirectory(u, parent, branch);
  const dirfd = u.directoryOn(parent, branch);
  const fd = must(openTemporary(u, dirfd, branch, flags, mode));
  must(fstat(fd, out));
  forgetInode(branch, out);
  const node = new Node(unionInode(branch, out), S.IFREG, parent, '', branch.alone);
  node.removed = true;
  node.anchor = must(openat(AT.FDCWD, `/proc/self/fd/${String(fd)}`, O.PATH, 0));
  u.nodes.add(node);
  fillAttributes(u, node, out);
  return makeHandle(u, node, flags, fd);
}

function openTemporary(u: UnionState, dirfd: number, branch: Branch, flags: number, mode: number): number {
  const access = flags & (O.ACCMODE | O.DSYNC | O.SYNC | O.EXCL);
  u.asCaller();
  const fd = openat(dirfd, '.', access | O.TMPFILE, mode & 0o7777);
  u.asSelf();
  if (fd !== -E.EOPNOTSUPP && fd !== -E.EISDIR) return fd;
  // A branch without O_TMPFILE: a hidden name, removed at once.
  const hidden = temporaryName();
  u.asCaller();
  const named = openat(branch.orphanDir, hidden, (access & ~O.EXCL) | O.CREAT | O.EXCL, mode & 0o7777);
  u.asSelf();
  if (named >= 0) unlinkat(branch.orphanDir, hidden, 0);
  return named;
}
