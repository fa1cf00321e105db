/**
 * The raw system call, by number.
 *
 * Everything is called through syscall(2), not through libc's wrappers: the thread-wide wrappers of libc for
 * credentials change the whole process, its struct stat differs between architectures, and some calls have no wrapper.
 * All arguments are numbers; pointers are addresses of a Block (memory.ts).
 */
import koffi from './koffi.js';

// Numbers: asm/unistd_64.h for x86-64, asm-generic/unistd.h for arm64.
const X64 = {
  read: 0, write: 1, close: 3, lseek: 8, pread64: 17, pwrite64: 18, readv: 19, writev: 20, preadv: 295,
  pwritev: 296, preadv2: 327, ftruncate: 77, fsync: 74, fdatasync: 75, syncfs: 306, fallocate: 285,
  copy_file_range: 326, ioctl: 16, fcntl: 72, openat: 257, openat2: 437, statx: 332, mkdirat: 258,
  mknodat: 259, unlinkat: 263, renameat2: 316, linkat: 265, symlinkat: 266, readlinkat: 267,
  getdents64: 217, faccessat2: 439, fchmod: 91, fchmodat: 268, fchmodat2: 452, fchown: 93, fchownat: 260,
  utimensat: 280, setxattr: 188, lsetxattr: 189, fsetxattr: 190, getxattr: 191, lgetxattr: 192,
  fgetxattr: 193, listxattr: 194, llistxattr: 195, flistxattr: 196, removexattr: 197, lremovexattr: 198,
  fremovexattr: 199, setxattrat: 463, getxattrat: 464, listxattrat: 465, removexattrat: 466, statfs: 137,
  fstatfs: 138, mount: 165, umount2: 166, getuid: 102, geteuid: 107, getgid: 104, getegid: 108,
  getpid: 39, gettid: 186, setfsuid: 122, setfsgid: 123, getgroups: 115, setgroups: 116, umask: 95,
  prctl: 157, unshare: 272, prlimit64: 302, eventfd2: 290, ppoll: 271, pidfd_open: 434, open_tree: 428,
  mount_setattr: 442, capget: 125, capset: 126, socketpair: 53, flock: 73,
  socket: 41, sendto: 44, sendmsg: 46, recvmsg: 47, inotify_init1: 294, inotify_add_watch: 254, inotify_rm_watch: 255,
} as const;

type Table = { readonly [call in keyof typeof X64]: number };

const ARM64: Table = {
  read: 63, write: 64, close: 57, lseek: 62, pread64: 67, pwrite64: 68, readv: 65, writev: 66,
  preadv: 69, pwritev: 70, preadv2: 286, ftruncate: 46, fsync: 82, fdatasync: 83, syncfs: 267, fallocate: 47,
  copy_file_range: 285, ioctl: 29, fcntl: 25, openat: 56, openat2: 437, statx: 291, mkdirat: 34,
  mknodat: 33, unlinkat: 35, renameat2: 276, linkat: 37, symlinkat: 36, readlinkat: 78, getdents64: 61,
  faccessat2: 439, fchmod: 52, fchmodat: 53, fchmodat2: 452, fchown: 55, fchownat: 54, utimensat: 88,
  setxattr: 5, lsetxattr: 6, fsetxattr: 7, getxattr: 8, lgetxattr: 9, fgetxattr: 10, listxattr: 11,
  llistxattr: 12, flistxattr: 13, removexattr: 14, lremovexattr: 15, fremovexattr: 16, setxattrat: 463,
  getxattrat: 464, listxattrat: 465, removexattrat: 466, statfs: 43, fstatfs: 44, mount: 40, umount2: 39,
  getuid: 174, geteuid: 175, getgid: 176, getegid: 177, getpid: 172, gettid: 178, setfsuid: 151,
  setfsgid: 152, getgroups: 158, setgroups: 159, umask: 166, prctl: 167, unshare: 97, prlimit64: 261,
  eventfd2: 19, ppoll: 73, pidfd_open: 434, open_tree: 428, mount_setattr: 442, capget: 90,
  capset: 91, flock: 32, socketpair: 199, socket: 198, sendto: 206, sendmsg: 211, recvmsg: 212,
  inotify_init1: 26, inotify_add_watch: 27, inotify_rm_watch: 28,
};

function tableOfThisMachine(): Table {
  if (process.arch === 'x64') return X64;
  if (process.arch === 'arm64') return ARM64;
  throw new Error(`tsaufs runs on x64 and arm64; this Node.js is for ${process.arch}`);
}

/** System call numbers of this machine. */
export const NR: Table = tableOfThisMachine();

/** As a dirfd: names start at the current directory. Also AT.FDCWD (file.ts). */
export const AT_FDCWD = -100;

// Not the variadic prototype: fixed ones cost koffi about two thirds of the time, and both architectures pass
// variadic integers in the same registers as fixed ones.
const libc = koffi.load(null);

function prototype(argumentCount: number): unknown {
  return libc.func('syscall', 'long', new Array<string>(argumentCount + 1).fill('long'));
}

type Raw = number | bigint;
const raw0 = prototype(0) as (nr: number) => Raw;
const raw1 = prototype(1) as (nr: number, a: number) => Raw;
const raw2 = prototype(2) as (nr: number, a: number, b: number) => Raw;
const raw3 = prototype(3) as (nr: number, a: number, b: number, c: number) => Raw;
const raw4 = prototype(4) as (nr: number, a: number, b: number, c: number, d: number) => Raw;
const raw5 = prototype(5) as (nr: number, a: number, b: number, c: number, d: number, e: number) => Raw;
const raw6 = prototype(6) as (
  nr: number, a: number, b: number, c: number, d: number, e: number, f: number,
) => Raw;

function outcome(result: Raw): number {
  // koffi gives a BigInt beyond 2^53; no result tsaufs acts upon is exact there.
  if (typeof result !== 'number') return Number(result);
  // syscall(2) itself has turned -4095..-1 into -1 and errno.
  return result < 0 ? -koffi.errno() : result;
}

/** System call `nr` without arguments; the result, or -errno. sys1 to sys6 take that many arguments. */
export function sys0(nr: number): number {
  return outcome(raw0(nr));
}

export function sys1(nr: number, a: number): number {
  return outcome(raw1(nr, a));
}

export function sys2(nr: number, a: number, b: number): number {
  return outcome(raw2(nr, a, b));
}

export function sys3(nr: number, a: number, b: number, c: number): number {
  return outcome(raw3(nr, a, b, c));
}

export function sys4(nr: number, a: number, b: number, c: number, d: number): number {
  return outcome(raw4(nr, a, b, c, d));
}

export function sys5(nr: number, a: number, b: number, c: number, d: number, e: number): number {
  return outcome(raw5(nr, a, b, c, d, e));
}

export function sys6(nr: number, a: number, b: number, c: number, d: number, e: number, f: number): number {
  return outcome(raw6(nr, a, b, c, d, e, f));
}
