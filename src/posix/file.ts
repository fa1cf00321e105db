/**
 * Open files: open, read, write, seek, allocate, synchronise, copy.
 *
 * Sizes and offsets are bytes; an address is that of a Block (memory.ts). Every function returns the kernel's result or
 * -errno as its manual page lists them. EINTR is not retried here.
 */
import { E } from './errno.js';
import { allocate, write64 } from './memory.js';
import { slotA } from './name.js';
import { NR, sys1, sys2, sys3, sys4, sys5, sys6 } from './syscall.js';

const ARM = process.arch === 'arm64';

/** Flags of open(2); asm-generic/fcntl.h, and arm64's asm/fcntl.h for the four that differ. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  ACCMODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  DIRECT: ARM ? 0o200000 : 0o40000,
  LARGEFILE: ARM ? 0o400000 : 0o100000,
  DIRECTORY: ARM ? 0o40000 : 0o200000,
  NOFOLLOW: ARM ? 0o100000 : 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
  TMPFILE: 0o20000000 | (ARM ? 0o40000 : 0o200000),
} as const;

/** Modes of fallocate(2); linux/falloc.h. */
export const FALLOC = {
  KEEP_SIZE: 1,
  PUNCH_HOLE: 2,
  COLLAPSE_RANGE: 8,
  ZERO_RANGE: 16,
  INSERT_RANGE: 32,
  UNSHARE_RANGE: 64,
} as const;

/** Operations of flock(2). */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** Origins of lseek(2). */
export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const;

const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const FICLONE = 0x40049409;
const F_DUPFD_CLOEXEC = 1030;
const F_GETFL = 3;
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** The same on x86-64 and arm64. */
const SIGURG = 23;
const F_SETFL = 4;

/** openat(2). O_CLOEXEC is always added; O_NOFOLLOW is the caller's to add. */
export function openat(dirfd: number, name: string, flags: number, mode: number): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  return sys4(NR.openat, dirfd, slotA.address, flags | O.CLOEXEC, mode);
}

// struct open_how { u64 flags; u64 mode; u64 resolve; }
const openHow = allocate(24);
openHow.u32[4] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

/**
 * openat2(2) of a relative path of any depth that may neither leave `dirfd` nor pass through a symbolic link (EXDEV,
 * ELOOP). ENOSYS before Linux 5.6 and under old container runtimes. Does not create files.
 */
export function openat2Beneath(dirfd: number, path: string, flags: number): number {
  const bad = slotA.put(path);
  if (bad < 0) return bad;
  openHow.u32[0] = flags | O.CLOEXEC;
  return sys4(NR.openat2, dirfd, slotA.address, openHow.address, openHow.length);
}

/** close(2). The descriptor is gone even when an error is returned. */
export function close(fd: number): number {
  return sys1(NR.close, fd);
}

/** read(2) */
export function read(fd: number, address: number, size: number): number {
  return sys3(NR.read, fd, address, size);
}

/** write(2) */
export function write(fd: number, address: number, size: number): number {
  return sys3(NR.write, fd, address, size);
}

/** pread(2) */
export function pread(fd: number, address: number, size: number, offset: number): number {
  return sys4(NR.pread64, fd, address, size, offset);
}

/** pwrite(2) */
export function pwrite(fd: number, address: number, size: number, offset: number): number {
  return sys4(NR.pwrite64, fd, address, size, offset);
}

// struct iovec { void *base; size_t len; }
const pairVector = allocate(32);

/** writev(2) of two pieces of memory: a header and its payload leave in one system call, uncopied. */
export function writev2(fd: number, addressA: number, sizeA: number, addressB: number, sizeB: number): number {
  write64(pairVector.u32, 0, addressA);
  write64(pairVector.u32, 2, sizeA);
  write64(pairVector.u32, 4, addressB);
  write64(pairVector.u32, 6, sizeB);
  return sys3(NR.writev, fd, pairVector.address, 2);
}

/** A piece of memory for preadv and pwritev. */
export interface Piece {
  readonly address: number;
  readonly size: number;
}

const IOV_MAX = 1024;
let vector = allocate(16 * 16);

function putPieces(pieces: readonly Piece[]): number {
  // The kernel refuses more than IOV_MAX itself (EINVAL): one more than that is enough to let it.
  const count = Math.min(pieces.length, IOV_MAX + 1);
  if (vector.length < count * 16) vector = allocate((IOV_MAX + 1) * 16);
  for (let i = 0; i < count; i++) {
    write64(vector.u32, i * 4, pieces[i].address);
    write64(vector.u32, i * 4 + 2, pieces[i].size);
  }
  return count;
}

/** preadv(2) */
export function preadv(fd: number, pieces: readonly Piece[], offset: number): number {
  const count = putPieces(pieces);
  return sys5(NR.preadv, fd, vector.address, count, offset, 0);
}

/** pwritev(2) */
export function pwritev(fd: number, pieces: readonly Piece[], offset: number): number {
  const count = putPieces(pieces);
  return sys5(NR.pwritev, fd, vector.address, count, offset, 0);
}

const RWF_NOWAIT = 8;
const oneVector = allocate(16);

/**
 * preadv2(2) with RWF_NOWAIT: only what is in memory already, so fewer bytes than asked do not mean the end of the file.
 * EAGAIN where nothing is; EOPNOTSUPP where the file system cannot tell (network file systems, FUSE, overlayfs, squashfs).
 */
export function preadNowait(fd: number, address: number, size: number, offset: number): number {
  write64(oneVector.u32, 0, address);
  oneVector.u32[2] = size;
  return sys6(NR.preadv2, fd, oneVector.address, 1, offset, 0, RWF_NOWAIT);
}

/** ftruncate(2) */
export function ftruncate(fd: number, size: number): number {
  return sys2(NR.ftruncate, fd, size);
}

/** fsync(2) */
export function fsync(fd: number): number {
  return sys1(NR.fsync, fd);
}

/** fdatasync(2) */
export function fdatasync(fd: number): number {
  return sys1(NR.fdatasync, fd);
}

/** flock(2); operations in LOCK. */
export function flock(fd: number, operation: number): number {
  return sys2(NR.flock, fd, operation);
}

/** syncfs(2): the whole file system `fd` lies on. EBADF for an O_PATH descriptor. */
export function syncfs(fd: number): number {
  return sys1(NR.syncfs, fd);
}

/** fallocate(2); modes in FALLOC. */
export function fallocate(fd: number, mode: number, offset: number, length: number): number {
  return sys4(NR.fallocate, fd, mode, offset, length);
}

/** lseek(2); origins in SEEK. ENXIO for SEEK_DATA past the last data. */
export function lseek(fd: number, offset: number, whence: number): number {
  return sys3(NR.lseek, fd, offset, whence);
}

// Two 64-bit offsets, read and advanced by the kernel.
const offsets = allocate(16);

/** copy_file_range(2). An offset of -1 means the descriptor's own position. */
export function copyFileRange(
  fdIn: number, offIn: number, fdOut: number, offOut: number, length: number, flags = 0,
): number {
  write64(offsets.u32, 0, offIn);
  write64(offsets.u32, 2, offOut);
  const inAddress = offIn < 0 ? 0 : offsets.address;
  const outAddress = offOut < 0 ? 0 : offsets.address + 8;
  return sys6(NR.copy_file_range, fdIn, inAddress, fdOut, outAddress, length, flags);
}

/** ioctl(2) with a number or the address of its argument. */
export function ioctl(fd: number, request: number, argument: number): number {
  return sys3(NR.ioctl, fd, request, argument);
}

/** ioctl_ficlone(2): `target` shares all of `source`'s data. EOPNOTSUPP, EXDEV or EINVAL where that cannot be. */
export function ficlone(target: number, source: number): number {
  return sys3(NR.ioctl, target, FICLONE, source);
}

/** A second descriptor of the same open file, close-on-exec (fcntl F_DUPFD_CLOEXEC). */
export function dup(fd: number): number {
  return sys3(NR.fcntl, fd, F_DUPFD_CLOEXEC, 0);
}

/** The open flags of a descriptor (fcntl F_GETFL). */
export function getFlags(fd: number): number {
  return sys3(NR.fcntl, fd, F_GETFL, 0);
}

/** Turns O_NONBLOCK on or off. It belongs to the open file: every descriptor of it sees the change. */
export function setNonblock(fd: number, on: boolean): number {
  const flags = getFlags(fd);
  if (flags < 0) return flags;
  return sys3(NR.fcntl, fd, F_SETFL, on ? flags | O.NONBLOCK : flags & ~O.NONBLOCK);
}

/**
 * Whether somebody else has the file open, by another descriptor; false, too, where the file system cannot tell (no leases) or we are
 * not the owner. fcntl F_SETLEASE: taken and given back; who opens it in between waits so long, and sends us a signal that
 * is ignored by default.
 */
export function isOpenElsewhere(fd: number): boolean {
  sys3(NR.fcntl, fd, F_SETSIG, SIGURG);
  const result = sys3(NR.fcntl, fd, F_SETLEASE, F_WRLCK);
  if (result >= 0) sys3(NR.fcntl, fd, F_SETLEASE, F_UNLCK);
  return result === -E.EAGAIN;
}
