/**
 * Error numbers of Linux (asm-generic/errno.h; the same on x86-64 and arm64), errno(3).
 *
 * Functions of this layer return the kernel's way: a result >= 0, or -errno. `must` turns that into an exception
 * where a failure is not expected to be handled on the spot.
 */

// A literal, not a table built at run time: V8 folds E.ENOENT into a constant on the hot path.
export const E = {
  EPERM: 1, ENOENT: 2, ESRCH: 3, EINTR: 4, EIO: 5, ENXIO: 6, E2BIG: 7, ENOEXEC: 8, EBADF: 9, ECHILD: 10,
  EAGAIN: 11, ENOMEM: 12, EACCES: 13, EFAULT: 14, ENOTBLK: 15, EBUSY: 16, EEXIST: 17, EXDEV: 18,
  ENODEV: 19, ENOTDIR: 20, EISDIR: 21, EINVAL: 22, ENFILE: 23, EMFILE: 24, ENOTTY: 25, ETXTBSY: 26,
  EFBIG: 27, ENOSPC: 28, ESPIPE: 29, EROFS: 30, EMLINK: 31, EPIPE: 32, EDOM: 33, ERANGE: 34, EDEADLK: 35,
  ENAMETOOLONG: 36, ENOLCK: 37, ENOSYS: 38, ENOTEMPTY: 39, ELOOP: 40, ENOMSG: 42, EIDRM: 43, ENODATA: 61,
  ETIME: 62, EREMOTE: 66, ENOLINK: 67, EPROTO: 71, EMULTIHOP: 72, EBADMSG: 74, EOVERFLOW: 75,
  ENOTUNIQ: 76, EBADFD: 77, EILSEQ: 84, ERESTART: 85, ENOTSOCK: 88, EDESTADDRREQ: 89, EMSGSIZE: 90,
  EPROTOTYPE: 91, ENOPROTOOPT: 92, EPROTONOSUPPORT: 93, ESOCKTNOSUPPORT: 94, EOPNOTSUPP: 95,
  EPFNOSUPPORT: 96, EAFNOSUPPORT: 97, EADDRINUSE: 98, EADDRNOTAVAIL: 99, ENETDOWN: 100, ENETUNREACH: 101,
  ENETRESET: 102, ECONNABORTED: 103, ECONNRESET: 104, ENOBUFS: 105, EISCONN: 106, ENOTCONN: 107,
  ESHUTDOWN: 108, ETOOMANYREFS: 109, ETIMEDOUT: 110, ECONNREFUSED: 111, EHOSTDOWN: 112,
  EHOSTUNREACH: 113, EALREADY: 114, EINPROGRESS: 115, ESTALE: 116, EUCLEAN: 117, EREMOTEIO: 121,
  EDQUOT: 122, ENOMEDIUM: 123, EMEDIUMTYPE: 124, ECANCELED: 125, ENOKEY: 126, EKEYEXPIRED: 127,
  EKEYREVOKED: 128, EKEYREJECTED: 129, EOWNERDEAD: 130, ENOTRECOVERABLE: 131, ERFKILL: 132,
  // Second names of the same numbers.
  EWOULDBLOCK: 11, ENOTSUP: 95,
} as const;

const TEXT: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  ESRCH: 'no such process',
  EINTR: 'interrupted system call',
  EIO: 'input/output error',
  ENXIO: 'no such device or address',
  E2BIG: 'argument list too long',
  ENOEXEC: 'exec format error',
  EBADF: 'bad file descriptor',
  ECHILD: 'no child processes',
  EAGAIN: 'resource temporarily unavailable',
  ENOMEM: 'cannot allocate memory',
  EACCES: 'permission denied',
  EFAULT: 'bad address',
  ENOTBLK: 'block device required',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EXDEV: 'invalid cross-device link',
  ENODEV: 'no such device',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EINVAL: 'invalid argument',
  ENFILE: 'too many open files in system',
  EMFILE: 'too many open files',
  ENOTTY: 'inappropriate ioctl for device',
  ETXTBSY: 'text file busy',
  EFBIG: 'file too large',
  ENOSPC: 'no space left on device',
  ESPIPE: 'illegal seek',
  EROFS: 'read-only file system',
  EMLINK: 'too many links',
  EPIPE: 'broken pipe',
  EDOM: 'numerical argument out of domain',
  ERANGE: 'numerical result out of range',
  EDEADLK: 'resource deadlock avoided',
  ENAMETOOLONG: 'file name too long',
  ENOLCK: 'no locks available',
  ENOSYS: 'function not implemented',
  ENOTEMPTY: 'directory not empty',
  ELOOP: 'too many levels of symbolic links',
  ENOMSG: 'no message of desired type',
  EIDRM: 'identifier removed',
  ENODATA: 'no data available',
  ETIME: 'timer expired',
  EREMOTE: 'object is remote',
  ENOLINK: 'link has been severed',
  EPROTO: 'protocol error',
  EMULTIHOP: 'multihop attempted',
  EBADMSG: 'bad message',
  EOVERFLOW: 'value too large for defined data type',
  ENOTUNIQ: 'name not unique on network',
  EBADFD: 'file descriptor in bad state',
  EILSEQ: 'invalid or incomplete multibyte or wide character',
  ERESTART: 'interrupted system call should be restarted',
  ENOTSOCK: 'socket operation on non-socket',
  EDESTADDRREQ: 'destination address required',
  EMSGSIZE: 'message too long',
  EPROTOTYPE: 'protocol wrong type for socket',
  ENOPROTOOPT: 'protocol not available',
  EPROTONOSUPPORT: 'protocol not supported',
  ESOCKTNOSUPPORT: 'socket type not supported',
  EOPNOTSUPP: 'operation not supported',
  EPFNOSUPPORT: 'protocol family not supported',
  EAFNOSUPPORT: 'address family not supported by protocol',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ENETDOWN: 'network is down',
  ENETUNREACH: 'network is unreachable',
  ENETRESET: 'network dropped connection on reset',
  ECONNABORTED: 'software caused connection abort',
  ECONNRESET: 'connection reset by peer',
  ENOBUFS: 'no buffer space available',
  EISCONN: 'transport endpoint is already connected',
  ENOTCONN: 'transport endpoint is not connected',
  ESHUTDOWN: 'cannot send after transport endpoint shutdown',
  ETOOMANYREFS: 'too many references: cannot splice',
  ETIMEDOUT: 'connection timed out',
  ECONNREFUSED: 'connection refused',
  EHOSTDOWN: 'host is down',
  EHOSTUNREACH: 'no route to host',
  EALREADY: 'operation already in progress',
  EINPROGRESS: 'operation now in progress',
  ESTALE: 'stale file handle',
  EUCLEAN: 'structure needs cleaning',
  EREMOTEIO: 'remote I/O error',
  EDQUOT: 'disk quota exceeded',
  ENOMEDIUM: 'no medium found',
  EMEDIUMTYPE: 'wrong medium type',
  ECANCELED: 'operation canceled',
  ENOKEY: 'required key not available',
  EKEYEXPIRED: 'key has expired',
  EKEYREVOKED: 'key has been revoked',
  EKEYREJECTED: 'key was rejected by service',
  EOWNERDEAD: 'owner died',
  ENOTRECOVERABLE: 'state not recoverable',
  ERFKILL: 'operation not possible due to RF-kill',
};

const NAMES = new Map<number, string>();
for (const [name, code] of Object.entries(E)) {
  if (!NAMES.has(code)) NAMES.set(code, name);
}

/** The name of an error number ('ENOENT'); accepts a negated one. An unknown number gives 'E<number>'. */
export function errnoName(code: number): string {
  const positive = Math.abs(code);
  return NAMES.get(positive) ?? `E${positive}`;
}

/** The words of strerror(3) for an error number, in lower case ('no such file or directory'). */
export function errnoText(code: number): string {
  return TEXT[errnoName(code)] ?? 'unknown error';
}

/** A failed system call. `errno` is positive; the message reads `ENOENT: no such file or directory, what`. */
export class Errno extends Error {
  readonly errno: number;
  readonly code: string;

  constructor(errno: number, what?: string) {
    const positive = Math.abs(errno);
    const code = errnoName(positive);
    // An answer to a caller, not a defect of ours: nobody reads a stack, and to write one takes half of the time of a throw.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(`${code}: ${errnoText(positive)}${what === undefined ? '' : `, ${what}`}`);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Errno';
    this.errno = positive;
    this.code = code;
  }
}

/** The result itself when it is not negative; otherwise throws it as an Errno. */
export function must(result: number, what?: string): number {
  if (result < 0) throw new Errno(-result, what);
  return result;
}
