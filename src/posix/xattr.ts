/**
 * Extended attributes, xattr(7), of a name in a directory (never following a symbolic link) and of an open file.
 *
 * A size of 0 asks for the length. A value or list that does not fit is ERANGE.
 */
import { AT } from './directory.js';
import { E } from './errno.js';
import { allocate, write64 } from './memory.js';
import { slotA, slotB } from './name.js';
import { NR, sys2, sys3, sys4, sys5, sys6 } from './syscall.js';

/** Flags of setxattr(2). */
export const XATTR = { CREATE: 1, REPLACE: 2 } as const;

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of linux/limits.h: no value and no list is longer. */
export const XATTR_MAX = 65536;

// getxattrat and its kin came with Linux 6.13; learnt at the first call. Before: l* calls through /proc/self/fd.
let hasXattrAt = true;

// struct xattr_args { u64 value; u32 size; u32 flags; }
const xattrArgs = allocate(16);

function putArgs(address: number, size: number, flags: number): void {
  write64(xattrArgs.u32, 0, address);
  xattrArgs.u32[2] = size;
  xattrArgs.u32[3] = flags;
}

/** Puts the path of `name` in `dirfd` that needs no *at call into slot A. */
function putPath(dirfd: number, name: string): number {
  if (name === '') return -E.ENOENT;
  if (dirfd === AT.FDCWD || name.startsWith('/')) return slotA.put(name);
  const prefix = `/proc/self/fd/${dirfd}/`;
  slotA.put(prefix);
  return slotA.put(name, prefix.length);
}

/** True when the kernel has just answered that it lacks the *at calls. */
function isMissing(result: number): boolean {
  if (result !== -E.ENOSYS) return false;
  hasXattrAt = false;
  return true;
}

/** Value of an attribute of `name`, into memory: its length or -errno (ENODATA: no such attribute). */
export function lgetxattrat(
  dirfd: number, name: string, attribute: string, address: number, size: number,
): number {
  const badAttribute = slotB.put(attribute);
  if (badAttribute < 0) return badAttribute;
  if (hasXattrAt) {
    const bad = slotA.put(name);
    if (bad < 0) return bad;
    putArgs(address, size, 0);
    const result = sys6(
      NR.getxattrat, dirfd, slotA.address, AT.SYMLINK_NOFOLLOW, slotB.address, xattrArgs.address, 16,
    );
    if (!isMissing(result)) return result;
  }
  const bad = putPath(dirfd, name);
  if (bad < 0) return bad;
  return sys4(NR.lgetxattr, slotA.address, slotB.address, address, size);
}

/** Sets an attribute of `name`; flags in XATTR. */
export function lsetxattrat(
  dirfd: number, name: string, attribute: string, address: number, size: number, flags: number,
): number {
  const badAttribute = slotB.put(attribute);
  if (badAttribute < 0) return badAttribute;
  if (hasXattrAt) {
    const bad = slotA.put(name);
    if (bad < 0) return bad;
    putArgs(address, size, flags);
    const result = sys6(
      NR.setxattrat, dirfd, slotA.address, AT.SYMLINK_NOFOLLOW, slotB.address, xattrArgs.address, 16,
    );
    if (!isMissing(result)) return result;
  }
  const bad = putPath(dirfd, name);
  if (bad < 0) return bad;
  return sys5(NR.lsetxattr, slotA.address, slotB.address, address, size, flags);
}

/** Names of the attributes of `name`, each ended by NUL: the length of all or -errno. */
export function llistxattrat(dirfd: number, name: string, address: number, size: number): number {
  if (hasXattrAt) {
    const bad = slotA.put(name);
    if (bad < 0) return bad;
    const result = sys5(NR.listxattrat, dirfd, slotA.address, AT.SYMLINK_NOFOLLOW, address, size);
    if (!isMissing(result)) return result;
  }
  const bad = putPath(dirfd, name);
  if (bad < 0) return bad;
  return sys3(NR.llistxattr, slotA.address, address, size);
}

/** Removes an attribute of `name`. */
export function lremovexattrat(dirfd: number, name: string, attribute: string): number {
  const badAttribute = slotB.put(attribute);
  if (badAttribute < 0) return badAttribute;
  if (hasXattrAt) {
    const bad = slotA.put(name);
    if (bad < 0) return bad;
    const result = sys4(NR.removexattrat, dirfd, slotA.address, AT.SYMLINK_NOFOLLOW, slotB.address);
    if (!isMissing(result)) return result;
  }
  const bad = putPath(dirfd, name);
  if (bad < 0) return bad;
  return sys2(NR.lremovexattr, slotA.address, slotB.address);
}

// An O_PATH descriptor is EBADF to the f* calls. Its /proc link leads to the file itself, a symbolic link too: the jump
// ends there, so the calls that follow links are the right ones.
function putDescriptor(fd: number): void {
  slotA.put(`/proc/self/fd/${fd}`);
}

/** A number that is no descriptor has no /proc link. */
function throughProc(result: number): number {
  return result === -E.ENOENT ? -E.EBADF : result;
}

/** Value of an attribute of an open file (O_PATH too), into memory: its length or -errno. */
export function fgetxattr(fd: number, attribute: string, address: number, size: number): number {
  const bad = slotB.put(attribute);
  if (bad < 0) return bad;
  const result = sys4(NR.fgetxattr, fd, slotB.address, address, size);
  if (result !== -E.EBADF) return result;
  putDescriptor(fd);
  return throughProc(sys4(NR.getxattr, slotA.address, slotB.address, address, size));
}

/** Sets an attribute of an open file (O_PATH too); flags in XATTR. */
export function fsetxattr(
  fd: number, attribute: string, address: number, size: number, flags: number,
): number {
  const bad = slotB.put(attribute);
  if (bad < 0) return bad;
  const result = sys5(NR.fsetxattr, fd, slotB.address, address, size, flags);
  if (result !== -E.EBADF) return result;
  putDescriptor(fd);
  return throughProc(sys5(NR.setxattr, slotA.address, slotB.address, address, size, flags));
}

/** Names of the attributes of an open file (O_PATH too), each ended by NUL: the length of all or -errno. */
export function flistxattr(fd: number, address: number, size: number): number {
  const result = sys3(NR.flistxattr, fd, address, size);
  if (result !== -E.EBADF) return result;
  putDescriptor(fd);
  return throughProc(sys3(NR.listxattr, slotA.address, address, size));
}

/** Removes an attribute of an open file (O_PATH too). */
export function fremovexattr(fd: number, attribute: string): number {
  const bad = slotB.put(attribute);
  if (bad < 0) return bad;
  const result = sys2(NR.fremovexattr, fd, slotB.address);
  if (result !== -E.EBADF) return result;
  putDescriptor(fd);
  return throughProc(sys2(NR.removexattr, slotA.address, slotB.address));
}

const value = allocate(XATTR_MAX);

/** Value of an attribute of `name` as a Buffer of its own, or -errno. For cold paths. */
export function getXattr(dirfd: number, name: string, attribute: string): Buffer | number {
  const length = lgetxattrat(dirfd, name, attribute, value.address, value.length);
  return length < 0 ? length : Buffer.from(value.bytes.subarray(0, length));
}

/** Names of the attributes of `name`, or -errno. For cold paths. */
export function listXattr(dirfd: number, name: string): string[] | number {
  const length = llistxattrat(dirfd, name, value.address, value.length);
  if (length < 0) return length;
  return length === 0 ? [] : value.bytes.latin1Slice(0, length - 1).split('\0');
}
