// Owner, mode, extended attributes and times, from one entry to another.

import { fchmod, fchmodat, fchown, fchownat, futimens, utimensat } from '../../posix/attributes.js';
import { E, Errno, must } from '../../posix/errno.js';
import { allocate } from '../../posix/memory.js';
import { S, type Stat } from '../../posix/stat.js';
import { XATTR_MAX, fremovexattr, fsetxattr, getXattr, listXattr, lsetxattrat } from '../../posix/xattr.js';

/** An entry by its directory and name; `fd`: of the entry itself, open, or -1. */
export interface EntryAt {
  dirfd: number;
  name: string;
  fd: number;
}

const value = allocate(XATTR_MAX);

/** What another mount of the same files would not have. */
function isKept(attribute: string): boolean {
  return attribute !== 'security.selinux' && !/^(trusted|user)\.overlay\./.test(attribute);
}

export function xattrsOf(dirfd: number, name: string): Map<string, string> {
  const names = listXattr(dirfd, name);
  const found = new Map<string, string>();
  if (typeof names === 'number') return found;
  for (const attribute of names.filter(isKept)) {
    const bytes = getXattr(dirfd, name, attribute);
    if (typeof bytes !== 'number') found.set(attribute, bytes.toString('latin1'));
  }
  return found;
}

export function sameXattrs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => b.get(name) === bytes);
}

/** Whether two entries have the same type, owner, mode and times. Names in a directory are no matter of its size. */
export function sameAttributes(a: Stat, b: Stat): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.mtime === b.mtime && a.mtimeNsec === b.mtimeNsec;
}

/**
 * Gives `to` the attributes `st` and the xattrs of `from`; those that it has beside them go, where it is open. The order
 * matters: chown takes set-id bits and capabilities away, and an ACL carries the mode. `lost` is told what cannot be kept.
 */
export function giveAttributes(st: Stat, from: EntryAt, to: EntryAt, lost: (what: string) => void): void {
  const isLink = (st.mode & S.IFMT) === S.IFLNK;
  let mode = st.mode & 0o7777;
  if (!kept(to.fd >= 0 ? fchown(to.fd, st.uid, st.gid) : fchownat(to.dirfd, to.name, st.uid, st.gid))) {
    lost('owners');
    mode &= ~(S.ISUID | S.ISGID);
  }
  if (!isLink && !kept(to.fd >= 0 ? fchmod(to.fd, mode) : fchmodat(to.dirfd, to.name, mode))) lost('permissions');
  const wanted = xattrsOf(from.dirfd, from.name);
  if (to.fd >= 0) for (const name of xattrsOf(to.dirfd, to.name).keys()) if (!wanted.has(name)) fremovexattr(to.fd, name);
  for (const [name, bytes] of wanted) {
    value.bytes.latin1Write(bytes, 0);
    const result = to.fd >= 0 ? fsetxattr(to.fd, name, value.address, bytes.length, 0)
      : lsetxattrat(to.dirfd, to.name, name, value.address, bytes.length, 0);
    if (!kept(result)) lost(`extended attributes such as ${name}`);
  }
  giveTimes(st, to);
}

export function giveTimes(st: Stat, to: EntryAt): void {
  const result = to.fd >= 0
    ? futimens(to.fd, st.atime, st.atimeNsec, st.mtime, st.mtimeNsec)
    : utimensat(to.dirfd, to.name, st.atime, st.atimeNsec, st.mtime, st.mtimeNsec);
  must(result);
}

/** False where the file system, or who we are, does not allow it. */
function kept(result: number): boolean {
  if (result >= 0) return true;
  if (![E.EPERM, E.EACCES, E.EINVAL, E.EOPNOTSUPP, E.ENOSYS].includes(-result as never)) throw new Errno(-result);
  return false;
}
