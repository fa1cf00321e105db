/**
 * Changing mode, owner and times, never of what a symbolic link points to.
 */
import { AT } from './directory.js';
import { E } from './errno.js';
import { close, O, openat } from './file.js';
import { allocate, write64 } from './memory.js';
import { slotA } from './name.js';
import { fstat, S, Stat } from './stat.js';
import { NR, sys2, sys3, sys4, sys5 } from './syscall.js';

/** As nanoseconds for utimensat: the present time; leave as it is. */
export const UTIME = { NOW: 0x3fffffff, OMIT: 0x3ffffffe } as const;

// Linux before 6.6 lacks fchmodat2; learnt at the first call.
let hasFchmodat2 = true;

/** chmod of a name. EOPNOTSUPP for a symbolic link: Linux keeps no mode of its own for one. */
export function fchmodat(dirfd: number, name: string, mode: number): number {
  if (hasFchmodat2) {
    const bad = slotA.put(name);
    if (bad < 0) return bad;
    const result = sys4(NR.fchmodat2, dirfd, slotA.address, mode, AT.SYMLINK_NOFOLLOW);
    if (result !== -E.ENOSYS) return result;
    hasFchmodat2 = false;
  }
  const fd = openat(dirfd, name, O.PATH | O.NOFOLLOW, 0);
  if (fd < 0) return fd;
  const result = chmodThroughProc(fd, mode);
  close(fd);
  return result;
}

/** fchmod(2), which also takes an O_PATH descriptor. EOPNOTSUPP for that of a symbolic link. */
export function fchmod(fd: number, mode: number): number {
  if (hasFchmodat2) {
    slotA.put('');
    const done = sys4(NR.fchmodat2, fd, slotA.address, mode, AT.EMPTY_PATH);
    if (done !== -E.ENOSYS) return done;
    hasFchmodat2 = false;
  }
  const result = sys2(NR.fchmod, fd, mode);
  return result === -E.EBADF ? chmodThroughProc(fd, mode) : result;
}

const found = new Stat();

function chmodThroughProc(fd: number, mode: number): number {
  const missing = fstat(fd, found);
  if (missing < 0) return missing;
  if ((found.mode & S.IFMT) === S.IFLNK) return -E.EOPNOTSUPP;
  const bad = slotA.put(`/proc/self/fd/${fd}`);
  if (bad < 0) return bad;
  return sys3(NR.fchmodat, AT.FDCWD, slotA.address, mode);
}

/** chown of a name, of a symbolic link itself. -1 keeps the uid or gid. */
export function fchownat(dirfd: number, name: string, uid: number, gid: number): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  return sys5(NR.fchownat, dirfd, slotA.address, uid, gid, AT.SYMLINK_NOFOLLOW);
}

/** chown of an open file; O_PATH descriptors too. -1 keeps the uid or gid. */
export function fchown(fd: number, uid: number, gid: number): number {
  slotA.put('');
  return sys5(NR.fchownat, fd, slotA.address, uid, gid, AT.EMPTY_PATH);
}

// struct timespec[2]: access time, modification time; seconds and nanoseconds of 64 bits each.
const times = allocate(32);

function putTimes(atime: number, atimeNsec: number, mtime: number, mtimeNsec: number): void {
  write64(times.u32, 0, atime);
  times.u32[2] = atimeNsec;
  write64(times.u32, 4, mtime);
  times.u32[6] = mtimeNsec;
}

/** utimensat(2), of a symbolic link itself. Seconds may be negative; nanoseconds may be UTIME.NOW or UTIME.OMIT. */
export function utimensat(
  dirfd: number, name: string, atime: number, atimeNsec: number, mtime: number, mtimeNsec: number,
): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  putTimes(atime, atimeNsec, mtime, mtimeNsec);
  return sys4(NR.utimensat, dirfd, slotA.address, times.address, AT.SYMLINK_NOFOLLOW);
}

/** Times of an open file; O_PATH descriptors too. */
export function futimens(
  fd: number, atime: number, atimeNsec: number, mtime: number, mtimeNsec: number,
): number {
  slotA.put('');
  putTimes(atime, atimeNsec, mtime, mtimeNsec);
  const result = sys4(NR.utimensat, fd, slotA.address, times.address, AT.EMPTY_PATH);
  // Linux before 5.8 does not know the flag here.
  if (result !== -E.EINVAL) return result;
  const bad = slotA.put(`/proc/self/fd/${fd}`);
  if (bad < 0) return bad;
  return sys4(NR.utimensat, AT.FDCWD, slotA.address, times.address, 0);
}
