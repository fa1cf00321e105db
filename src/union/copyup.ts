// Copy-up: the first change of something on a branch that takes no writes makes a copy of it on one that
// does, with its parent directories. The copy is made under a name nobody sees and renamed into place, so a
// reader, or the next mount after a crash, finds it whole or not at all.

import { E, Errno, must } from '../posix/errno.js';
import { UTIME, fchmodat, futimens } from '../posix/attributes.js';
import { O, close, dup, ftruncate, openat } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { RENAME, mkdirat, mknodat, readlinkat, renameat2, symlinkat, unlinkat } from '../posix/directory.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { type InodeAt, copyAttributes } from './copy-attributes.js';
import { type CopyAhead, copiedAhead, copyAhead } from './copy-ahead.js';
import { copyContent, copySmall, shareData } from './copy-data.js';
import { withoutSetId } from './mode.js';
import type { Link, Node } from './node.js';
import { PACE } from './pace.js';
import { type Held, anchorOf, hold, holdOpen, letGo, openAt, openNode } from './place.js';
import { copyUpBranch } from './policy.js';
import type { UnionState } from './state.js';
import { Suspended } from './suspended.js';
import { keepInode } from './xino.js';

let temporaries = 0;

/** A hidden name that no other process of this machine takes at the moment. */
export function temporaryName(): string {
  return `.wh..wh.${process.pid.toString(16)}.${(temporaries++).toString(16)}`;
}

/** Makes sure that the node lies where it may be changed, and gives a descriptor for that: see `letGo`. */
export function makeWritable(u: UnionState, node: Node): Held {
  const { top } = node;
  const fd = top.writable ? -1 : copyUpOpen(u, node, copyUpBranch(u, node.parent, top));
  return fd < 0 ? holdOpen(u, node) : { fd, name: '', own: true };
}

/** How a copy-up may differ from the whole file under its own name. */
export interface CopyUpForm {
  /** Of a file, the first so many bytes only: a truncation, which takes capabilities away. */
  size?: number;
  /** Its caller may not leave set-id bits on what he changes. */
  killSuidgid?: boolean;
  /** For link(2): under the new name instead, the former name then being a pseudo-link. */
  as?: Link;
}

const WHOLE: CopyUpForm = {};

function sizeIn(form: CopyUpForm): number {
  return form.size ?? Number.MAX_SAFE_INTEGER;
}

/** Copies the node to `target`, a branch that takes writes. */
export function copyUp(u: UnionState, node: Node, target: Branch, form = WHOLE): void {
  const fd = copyUpOpen(u, node, target, form);
  if (fd >= 0) close(fd);
}

/** The same. Of a file that has a name, returns a descriptor for reading and writing, which is the caller's; else -1. */
export function copyUpOpen(u: UnionState, node: Node, target: Branch, form = WHOLE): number {
  if (node.isDirectory) {
    ensureDirectory(u, node, target);
    return -1;
  }
  if (node.removed) {
    copyUpRemoved(u, node, target, form);
    return -1;
  }
  const { parent, name } = form.as ?? { parent: node.parent!, name: node.name };
  u.watch?.own.comes(parent, name);
  ensureDirectory(u, parent, target);
  const since = u.wantEvents ? performance.now() : 0;
  let ahead: CopyAhead | null = null;
  const st = new Stat();
  const from = node.top;
  const source = sourceOf(u, node, st);
  let temporary = '';
  let copy = NOTHING;
  let rest = -1;
  try {
    if (u.copies.size > 0) ahead = copiedAhead(u, node, target, st, sizeIn(form));
    temporary = ahead?.temporary ?? temporaryName();
    copy = copyInode(u, node, source, st, target, temporary, form, ahead);
    if (st.nlink > 1 || form.as !== undefined) {
      u.plinks.add(node.ino, st.ino, st.nlink, target, target.orphanDir, temporary);
      // No hard links on this file system, so none from a lower branch either.
      if (form.as !== undefined && !u.plinks.has(node.ino)) throw new Errno(E.EPERM);
    }
    const place = u.directoryOn(parent, target);
    puttingInto(u, parent, place, () => must(moveIn(target.orphanDir, temporary, place, name)));
    if (u.leftBehind.has(node)) rest = dup(source.fd);
  } catch (error) {
    if (copy.fd >= 0) close(copy.fd);
    if (error instanceof Suspended || temporary === '') throw error;
    unlinkat(target.orphanDir, temporary, 0);
    u.plinks.remove(node.ino, target);
    throw error;
  } finally {
    letGo(source);
  }
  keepInode(target, copied, node.ino);
  if (form.as !== undefined) node.setPlace(parent, name, true);
  node.layers = target.alone;
  if (rest >= 0) u.leftBehind.part(u, node, from, rest);
  node.closeAnchor();
  parent.version++;
  if (u.wantEvents) tell(u, node, target, from, copy.bytes, ahead?.since ?? since);
  return copy.fd;
}

/** `since`: by performance.now(). */
function tell(u: UnionState, node: Node, target: Branch, from: Branch, bytes: number, since: number): void {
  u.event('copy-up', target, node.path(), { from: from.path, bytes, duration: performance.now() - since });
}

/** What is copied, and its attributes; a file is open for reading. */
function sourceOf(u: UnionState, node: Node, st: Stat): Source {
  const fd = node.type === S.IFREG ? openNode(u, node, O.RDONLY, st) : -1;
  if (fd >= 0) return { fd, name: '', own: true, readable: true };
  // It may be open though it has no name any more; the error, if there is one, is told when it is to be read.
  const held = hold(u, node);
  const result = fstat(held.fd, st);
  if (result < 0) letGo(held);
  must(result);
  return { ...held, readable: false };
}

interface Source extends InodeAt {
  own: boolean;
  /** `fd` is open for reading. */
  readable: boolean;
}

/** The temporary: a descriptor of a file, else -1, and the bytes that were copied. */
interface Copy {
  fd: number;
  bytes: number;
}

const NOTHING: Copy = { fd: -1, bytes: 0 };

/** Which inode the copy is; the rest is from before it was given its attributes. */
const copied = new Stat();

/** Makes `temporary` in the branch's orphan directory a copy of the inode. */
function copyInode(
  u: UnionState, node: Node, source: Source, st: Stat, target: Branch, temporary: string, form: CopyUpForm, ahead: CopyAhead | null,
): Copy {
  const orphans = target.orphanDir;
  switch (st.mode & S.IFMT) {
    case S.IFREG:
      if (form.killSuidgid === true) st.mode = withoutSetId(u, st);
      return ahead === null
        ? copyFile(u, node, source, st, target, temporary, form)
        : finishFile(u, ahead, st, target, form);
    case S.IFLNK: {
      const to = readlinkat(source.fd, source.name);
      if (typeof to === 'number') throw new Errno(-to);
      must(symlinkat(to, orphans, temporary));
      break;
    }
    default:
      must(mknodat(orphans, temporary, (st.mode & S.IFMT) | 0o600, st.rdevMajor, st.rdevMinor));
  }
  copyAttributes(u, st, source, { fd: orphans, name: temporary }, target);
  must(statat(orphans, temporary, copied));
  return NOTHING;
}

function copyFile(
  u: UnionState, node: Node, source: Source, st: Stat, target: Branch, temporary: string, form: CopyUpForm,
): Copy {
  const size = sizeIn(form);
  const from = source.readable ? source.fd : must(openAt(source, O.RDONLY | O.NONBLOCK));
  try {
    const to = must(openat(target.orphanDir, temporary, O.CREAT | O.EXCL | O.RDWR | O.NOFOLLOW, firstMode(u, st)));
    try {
      must(fstat(to, copied));
      const wanted = Math.min(size, st.size);
      let bytes = 0;
      const afar = u.helpers !== null && (node.top.pace === PACE.REMOTE || target.pace === PACE.REMOTE);
      if (!afar && copySmall(from, to, wanted, st.blocks)) bytes = wanted;
      else if (wanted < st.size || !shareData(from, to)) {
        copyAhead(u, node, target, temporary, from, to, st, size);
        bytes = copyContent(from, to, wanted);
      }
      attributesOfFile(u, st, from, to, target, form);
      return { fd: to, bytes };
    } catch (error) {
      close(to);
      throw error;
    }
  } finally {
    if (!source.readable) close(from);
  }
}

/**
 * The mode that a copy is made with: 0600 until the owner is right, so that nobody but us can open it meanwhile. What we
 * make is our own; its mode may then be right from the beginning.
 */
function firstMode(u: UnionState, st: Stat): number {
  const ours = st.uid === u.uid && st.gid === u.gid && (st.mode & 0o7000) === 0;
  return ours ? st.mode & 0o777 : 0o600;
}

/** The temporary has its data already. */
function finishFile(u: UnionState, ahead: CopyAhead, st: Stat, target: Branch, form: CopyUpForm): Copy {
  const size = sizeIn(form);
  const bytes = ahead.take();
  const { from, to } = ahead;
  try {
    must(fstat(to, copied));
    if (size < st.size) must(ftruncate(to, size));
    attributesOfFile(u, st, from, to, target, form);
    return { fd: to, bytes };
  } catch (error) {
    close(to);
    throw error;
  } finally {
    close(from);
  }
}

function attributesOfFile(u: UnionState, st: Stat, from: number, to: number, target: Branch, form: CopyUpForm): void {
  const size = sizeIn(form);
  copyAttributes(u, st, { fd: from, name: '' }, { fd: to, name: '' }, target, form.size === undefined, copied);
  if (size > 0 && size < st.size) must(futimens(to, 0, UTIME.OMIT, 0, UTIME.NOW));
}

/** Renames into place, never over something that somebody has put there directly. */
export function moveIn(fromDir: number, from: string, toDir: number, to: string): number {
  const result = renameat2(fromDir, from, toDir, to, RENAME.NOREPLACE);
  // File systems that know no flags.
  return result === -E.EINVAL || result === -E.ENOSYS ? renameat2(fromDir, from, toDir, to, 0) : result;
}

/** A file without a name, still open: its copy has none either. */
function copyUpRemoved(u: UnionState, node: Node, target: Branch, form: CopyUpForm): void {
  const source = { fd: anchorOf(node), name: '', own: false, readable: false };
  const since = u.wantEvents ? performance.now() : 0;
  const from = node.top;
  const st = new Stat();
  must(fstat(source.fd, st));
  const ahead = u.copies.size === 0 ? null : copiedAhead(u, node, target, st, sizeIn(form));
  const temporary = ahead?.temporary ?? temporaryName();
  let suspended = false;
  let { fd, bytes } = NOTHING;
  try {
    ({ fd, bytes } = copyInode(u, node, source, st, target, temporary, form, ahead));
    keepInode(target, copied, node.ino);
    // On FUSE branches only a descriptor that is really open keeps a file.
    const anchor = fd >= 0 ? fd : must(openat(target.orphanDir, temporary, O.PATH | O.NOFOLLOW, 0));
    node.closeAnchor();
    node.anchor = anchor;
  } catch (error) {
    if (fd >= 0) close(fd);
    suspended = error instanceof Suspended;
    throw error;
  } finally {
    if (!suspended) unlinkat(target.orphanDir, temporary, 0);
  }
  node.layers = target.alone;
  if (u.wantEvents) tell(u, node, target, from, bytes, ahead?.since ?? since);
}

/**
 * Makes sure that the directory lies on `target`, its parents first. Its contents are not copied. Returns whether it
 * was made.
 */
export function ensureDirectory(u: UnionState, node: Node, target: Branch): boolean {
  if (node.layerOf(target) >= 0) return false;
  if (node.removed || node.parent === null) throw new Errno(E.ENOENT);
  u.watch?.own.comes(node.parent, node.name);
  ensureDirectory(u, node.parent, target);
  const { parent } = node;
  puttingInto(u, parent, u.directoryOn(parent, target), () => copyDirectory(u, node, parent, target));
  u.shownTimes.forget(node);
  return true;
}

/**
 * Puts a copy into a directory. With udba=none AUFS trusts what it knows, and the directory goes on showing its old
 * modification time; else the new one is seen at once.
 */
function puttingInto(u: UnionState, parent: Node, place: number, work: () => void): void {
  if (u.options.udba === 'none' && place === u.directory(parent, 0)) {
    u.shownTimes.keepDuring(parent, place, work);
    return;
  }
  work();
  u.hooks.attributesChanged?.(parent.id, false);
}

/** The layer a directory is copied from: the next below the target, else the lowest there is. */
function sourceLayer(node: Node, target: Branch): number {
  const below = node.layers.findIndex((branch) => branch.index > target.index);
  return below < 0 ? node.layers.length - 1 : below;
}

function copyDirectory(u: UnionState, node: Node, parent: Node, target: Branch): void {
  const place = u.directoryOn(parent, target);
  const layer = sourceLayer(node, target);
  const source = u.directory(node, layer);
  const since = u.wantEvents ? performance.now() : 0;
  const st = new Stat();
  must(fstat(source, st));
  // Among the orphans, which the next mount after a crash removes, and where nobody can put another directory under the
  // name before it gets its owner. But an ordinary user, who gives nothing away, may not move a directory that he may not
  // write: such a one is made in its parent, where nobody sees its name.
  const home = u.privileged || st.mode & 0o200 ? target.orphanDir : place;
  const temporary = temporaryName();
  must(mkdirat(home, temporary, 0o700));
  try {
    const fd = openOwn(home, temporary);
    try {
      copyAttributes(u, st, { fd: source, name: '' }, { fd, name: '' }, target);
      must(fstat(fd, st));
    } finally {
      close(fd);
    }
    const moved = moveIn(home, temporary, place, node.name);
    if (moved === -E.EEXIST) {
      adopt(home, temporary, place, node.name);
      st.copy(copied);
    } else must(moved);
  } catch (error) {
    unlinkat(home, temporary, AT.REMOVEDIR);
    throw error;
  }
  const from = node.layers[layer];
  if (target.index < node.top.index) keepInode(target, st, node.ino);
  u.addLayer(node, target);
  if (u.wantEvents) tell(u, node, target, from, 0, since);
}

/** Opens the directory just made; a caller's umask may have left us no permission for it. */
function openOwn(home: number, temporary: string): number {
  const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
  const fd = openat(home, temporary, flags, 0);
  if (fd !== -E.EACCES) return must(fd);
  must(fchmodat(home, temporary, 0o700));
  return must(openat(home, temporary, flags, 0));
}

/** A directory of that name is there already (made directly): it serves as it is. */
function adopt(home: number, temporary: string, place: number, name: string): void {
  must(unlinkat(home, temporary, AT.REMOVEDIR));
  must(statat(place, name, copied));
  if ((copied.mode & S.IFMT) !== S.IFDIR) throw new Errno(E.EIO);
}
