// What a copy-up keeps of an inode beside its data: owner, mode, times, extended attributes, ACLs.

import { E, Errno, must } from '../posix/errno.js';
import { fchmod, fchmodat, fchown, fchownat, futimens, utimensat } from '../posix/attributes.js';
import { allocate } from '../posix/memory.js';
import { S, type Stat } from '../posix/stat.js';
import { fgetxattr, flistxattr, fsetxattr, lgetxattrat, llistxattrat, lsetxattrat } from '../posix/xattr.js';
import type { Branch } from './branch.js';
import type { IcexClass } from './options.js';
import { isOverlayXattr } from './overlay-marks.js';
import type { UnionState } from './state.js';

/** An inode by descriptor (`name` empty; O_PATH will do), or by directory and name. */
export interface InodeAt {
  fd: number;
  name: string;
}

/** capabilities(7): what a program may do that is run from the file. */
const CAPABILITIES = 'security.capability';

const listing = allocate(65536);
const value = allocate(65536);

/**
 * Gives `to` the attributes `st` and the xattrs of `from`, perhaps without the capabilities. The order matters: chown
 * clears set-id bits and capabilities, an ACL carries the mode, and every change but the last sets ctime only. `now`:
 * what `to` was made with, where that is known.
 */
export function copyAttributes(
  u: UnionState, st: Stat, from: InodeAt, to: InodeAt, target: Branch, withCapabilities = true, now: Stat | null = null,
): void {
  const isLink = (st.mode & S.IFMT) === S.IFLNK;
  let mode = st.mode & 0o7777;
  const isOwned = now !== null && now.uid === st.uid && now.gid === st.gid;
  if (!isOwned && !kept(u, target, chown(to, st.uid, st.gid), 'owners')) {
    // The copy is our own, and must not carry another's set-id bits.
    mode &= ~(S.ISUID | S.ISGID);
  }
  const hasMode = isOwned && (now.mode & 0o7777) === mode;
  if (!isLink && !hasMode) kept(u, target, to.name === '' ? fchmod(to.fd, mode) : fchmodat(to.fd, to.name, mode), 'permissions');
  copyXattrs(u, from, to, target, withCapabilities);
  kept(u, target, setTimes(st, to), 'times');
}

/** Gives `to` the access and modification time of `st`. */
export function copyTimes(st: Stat, to: InodeAt): void {
  must(setTimes(st, to));
}

function setTimes(st: Stat, to: InodeAt): number {
  return to.name === ''
    ? futimens(to.fd, st.atime, st.atimeNsec, st.mtime, st.mtimeNsec)
    : utimensat(to.fd, to.name, st.atime, st.atimeNsec, st.mtime, st.mtimeNsec);
}

/**
 * False where the copy cannot be given an attribute at all: an ordinary user cannot give files away, root cannot on a
 * file system that has no owners (FAT, some of FUSE), and an owner may have no number here (EINVAL, user namespaces).
 */
function kept(u: UnionState, target: Branch, result: number, what: string): boolean {
  if (result >= 0) return true;
  if (![E.EPERM, E.EACCES, E.EINVAL, E.EOPNOTSUPP, E.ENOSYS].includes(-result as never)) throw new Errno(-result);
  if (u.privileged) sayOnce(u, `${target.path} cannot hold all ${what}: copied-up files lose them`);
  return false;
}

function sayOnce(u: UnionState, message: string): void {
  if (told.has(message)) return;
  told.add(message);
  u.hooks.log('warn', message);
}

function chown(to: InodeAt, uid: number, gid: number): number {
  return to.name === '' ? fchown(to.fd, uid, gid) : fchownat(to.fd, to.name, uid, gid);
}

function copyXattrs(u: UnionState, from: InodeAt, to: InodeAt, target: Branch, withCapabilities: boolean): void {
  const length = from.name === ''
    ? flistxattr(from.fd, listing.address, listing.length)
    : llistxattrat(from.fd, from.name, listing.address, listing.length);
  if (length === 0 || length === -E.EOPNOTSUPP) return;
  must(length);
  for (const attribute of listing.bytes.latin1Slice(0, length - 1).split('\0')) {
    if (attribute === CAPABILITIES && !withCapabilities) continue;
    // What they say of this directory is not true of the copy.
    if (u.options.overlayMarks && isOverlayXattr(attribute)) continue;
    const size = from.name === ''
      ? fgetxattr(from.fd, attribute, value.address, value.length)
      : lgetxattrat(from.fd, from.name, attribute, value.address, value.length);
    const result = size < 0 ? size : to.name === ''
      ? fsetxattr(to.fd, attribute, value.address, size, 0)
      : lsetxattrat(to.fd, to.name, attribute, value.address, size, 0);
    if (result < 0) xattrFailed(u, -result, attribute, target);
  }
}

/** aufs(5), icex: an xattr that cannot be copied fails the copy-up, unless the branch says to ignore its class. */
function xattrFailed(u: UnionState, errno: number, attribute: string, target: Branch): void {
  if (target.spec.icex.includes(classOf(attribute))) return;
  // Not in AUFS: a file system without such attributes cannot hold them whatever we do; said once.
  if (errno === E.EOPNOTSUPP || (errno === E.EPERM && !u.privileged)) {
    sayOnce(u, `${target.path} cannot hold extended attributes of the class ${classOf(attribute)}: copied-up files lose them`);
    return;
  }
  if (errno !== E.ENODATA) throw new Errno(errno);
}

const told = new Set<string>();

function classOf(attribute: string): IcexClass {
  if (attribute.startsWith('security.')) return 'sec';
  if (attribute.startsWith('system.')) return 'sys';
  if (attribute.startsWith('trusted.')) return 'tr';
  if (attribute.startsWith('user.')) return 'usr';
  return 'oth';
}
