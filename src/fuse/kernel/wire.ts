/**
 * The FUSE wire protocol, Linux's include/uapi/linux/fuse.h up to minor 45: opcodes, flags and the
 * layout of each structure. Field values below are byte offsets inside the structure; SIZE is its
 * whole length. Requests are read by request.ts and replies written by reply.ts with these numbers,
 * and nothing else in the project knows them. All fields are little-endian (x86-64, arm64).
 */

/** Versions of the protocol: the one spoken here, and the oldest kernel accepted (Linux 3.15). */
export const PROTOCOL = { MAJOR: 7, MINOR: 45, OLDEST_MINOR: 23 } as const;

/** The node id of the root directory. */
export const ROOT_ID = 1;

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  GETLK: 31,
  SETLK: 32,
  SETLKW: 33,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  BMAP: 37,
  DESTROY: 38,
  IOCTL: 39,
  POLL: 40,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SETUPMAPPING: 48,
  REMOVEMAPPING: 49,
  SYNCFS: 50,
  TMPFILE: 51,
  STATX: 52,
  COPY_FILE_RANGE_64: 53,
} as const;

/** One more than the largest opcode known here: the length of a table indexed by opcode. */
export const OPCODES = 54;

const names = new Map<number, string>(Object.entries(Opcode).map(([name, code]) => [code, name]));

/** The name of an opcode for messages, as 'LOOKUP'; 'opcode N' for one unknown here. */
export function opcodeName(opcode: number): string {
  return names.get(opcode) ?? `opcode ${opcode}`;
}

/** FUSE_* flags of INIT, bits 0 to 31 (fields `flags`). */
export const InitFlag = {
  ASYNC_READ: 1 << 0,
  POSIX_LOCKS: 1 << 1,
  FILE_OPS: 1 << 2,
  ATOMIC_O_TRUNC: 1 << 3,
  EXPORT_SUPPORT: 1 << 4,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  SPLICE_WRITE: 1 << 7,
  SPLICE_MOVE: 1 << 8,
  SPLICE_READ: 1 << 9,
  FLOCK_LOCKS: 1 << 10,
  HAS_IOCTL_DIR: 1 << 11,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  ASYNC_DIO: 1 << 15,
  WRITEBACK_CACHE: 1 << 16,
  NO_OPEN_SUPPORT: 1 << 17,
  PARALLEL_DIROPS: 1 << 18,
  HANDLE_KILLPRIV: 1 << 19,
  POSIX_ACL: 1 << 20,
  ABORT_ERROR: 1 << 21,
  MAX_PAGES: 1 << 22,
  CACHE_SYMLINKS: 1 << 23,
  NO_OPENDIR_SUPPORT: 1 << 24,
  EXPLICIT_INVAL_DATA: 1 << 25,
  MAP_ALIGNMENT: 1 << 26,
  SUBMOUNTS: 1 << 27,
  HANDLE_KILLPRIV_V2: 1 << 28,
  SETXATTR_EXT: 1 << 29,
  INIT_EXT: 1 << 30,
} as const;

/** FUSE_* flags of INIT, bits 32 to 63 (fields `flags2`), shifted down by 32. */
export const InitFlag2 = {
  SECURITY_CTX: 1 << 0,
  HAS_INODE_DAX: 1 << 1,
  CREATE_SUPP_GROUP: 1 << 2,
  HAS_EXPIRE_ONLY: 1 << 3,
  DIRECT_IO_ALLOW_MMAP: 1 << 4,
  PASSTHROUGH: 1 << 5,
  NO_EXPORT_SUPPORT: 1 << 6,
  HAS_RESEND: 1 << 7,
  ALLOW_IDMAP: 1 << 8,
  OVER_IO_URING: 1 << 9,
  REQUEST_TIMEOUT: 1 << 10,
} as const;

/** FOPEN_* flags of the replies to OPEN, CREATE and OPENDIR. */
export const OpenReply = {
  DIRECT_IO: 1 << 0,
  KEEP_CACHE: 1 << 1,
  NONSEEKABLE: 1 << 2,
  CACHE_DIR: 1 << 3,
  STREAM: 1 << 4,
  NOFLUSH: 1 << 5,
  PARALLEL_DIRECT_WRITES: 1 << 6,
  PASSTHROUGH: 1 << 7,
} as const;

/** FATTR_* bits of SETATTR's `valid`. Those the union knows have the same numbers in its SetAttr. */
export const SetAttrValid = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  LOCKOWNER: 1 << 9,
  CTIME: 1 << 10,
  KILL_SUIDGID: 1 << 11,
} as const;

/** FUSE_GETATTR_FH: the request carries a file handle. */
export const GETATTR_FH = 1;
/** FUSE_FSYNC_FDATASYNC: data only. */
export const FSYNC_FDATASYNC = 1;
/** FUSE_OPEN_KILL_SUIDGID: an O_TRUNC that takes the set-id bits away (HANDLE_KILLPRIV_V2). */
export const OPEN_KILL_SUIDGID = 1;
/** FUSE_WRITE_KILL_SUIDGID: a write that takes the set-id bits away. */
export const WRITE_KILL_SUIDGID = 1 << 2;
/** FUSE_SETXATTR_ACL_KILL_SGID: setting the access ACL takes the set-group-id bit away. */
export const SETXATTR_ACL_KILL_SGID = 1;
/** FUSE_EXPIRE_ONLY: a notification that ends a name's timeout and keeps its dentry. */
export const NOTIFY_EXPIRE_ONLY = 1;

/** Notification codes, sent in the error field of a message whose `unique` is 0. */
export const Notify = {
  POLL: 1,
  INVAL_INODE: 2,
  INVAL_ENTRY: 3,
  STORE: 4,
  RETRIEVE: 5,
  DELETE: 6,
  RESEND: 7,
  INC_EPOCH: 8,
  PRUNE: 9,
} as const;

/** ioctl(2) requests of /dev/fuse itself, for clones and passthrough. */
export const DeviceIoctl = {
  CLONE: 0x8004e500,
  BACKING_OPEN: 0x4010e501,
  BACKING_CLOSE: 0x4004e502,
} as const;

/** Lengths of the parts that surround data: struct fuse_in_header, fuse_out_header, fuse_attr… */
export const IN_HEADER_SIZE = 40;
export const OUT_HEADER_SIZE = 16;
export const ATTR_SIZE = 88;
export const ENTRY_OUT_SIZE = 128;
export const ATTR_OUT_SIZE = 104;
export const STATX_OUT_SIZE = 288;
export const OPEN_OUT_SIZE = 16;
export const INIT_OUT_SIZE = 64;
export const KSTATFS_SIZE = 80;
export const DIRENT_SIZE = 24;
/** The kernel reads no message from a buffer smaller than this (FUSE_MIN_READ_BUFFER). */
export const MIN_READ_BUFFER = 8192;

/** struct fuse_in_header. */
export const InHeader = { len: 0, opcode: 4, unique: 8, nodeid: 16, uid: 24, gid: 28, pid: 32 } as const;

/** Bodies of requests, by byte offset after the header. Names and data follow at SIZE. */
export const InitIn = { major: 0, minor: 4, maxReadahead: 8, flags: 12, flags2: 16, SIZE: 8 } as const;
export const ForgetIn = { nlookup: 0, SIZE: 8 } as const;
export const BatchForgetIn = { count: 0, SIZE: 8, ONE: 16, nodeid: 0, nlookup: 8 } as const;
export const GetattrIn = { flags: 0, fh: 8, SIZE: 16 } as const;
export const StatxIn = { flags: 0, fh: 8, sxFlags: 16, sxMask: 20, SIZE: 24 } as const;
export const SetattrIn = {
  valid: 0,
  fh: 8,
  size: 16,
  lockOwner: 24,
  atime: 32,
  mtime: 40,
  ctime: 48,
  atimeNsec: 56,
  mtimeNsec: 60,
  ctimeNsec: 64,
  mode: 68,
  uid: 76,
  gid: 80,
  SIZE: 88,
} as const;
export const MknodIn = { mode: 0, rdev: 4, umask: 8, SIZE: 16 } as const;
export const MkdirIn = { mode: 0, umask: 4, SIZE: 8 } as const;
export const RenameIn = { newdir: 0, SIZE: 8 } as const;
export const Rename2In = { newdir: 0, flags: 8, SIZE: 16 } as const;
export const LinkIn = { oldnodeid: 0, SIZE: 8 } as const;
export const OpenIn = { flags: 0, openFlags: 4, SIZE: 8 } as const;
export const CreateIn = { flags: 0, mode: 4, umask: 8, openFlags: 12, SIZE: 16 } as const;
export const ReleaseIn = { fh: 0, flags: 8, releaseFlags: 12, lockOwner: 16, SIZE: 24 } as const;
export const FlushIn = { fh: 0, lockOwner: 16, SIZE: 24 } as const;
export const ReadIn = { fh: 0, offset: 8, size: 16, readFlags: 20, flags: 32, SIZE: 40 } as const;
export const WriteIn = { fh: 0, offset: 8, size: 16, writeFlags: 20, flags: 32, SIZE: 40 } as const;
export const FsyncIn = { fh: 0, fsyncFlags: 8, SIZE: 16 } as const;
/** With SETXATTR_EXT the structure is 16 bytes, without it the first 8. */
export const SetxattrIn = { size: 0, flags: 4, setxattrFlags: 8, SIZE: 16, COMPAT_SIZE: 8 } as const;
export const GetxattrIn = { size: 0, SIZE: 8 } as const;
export const AccessIn = { mask: 0, SIZE: 8 } as const;
export const InterruptIn = { unique: 0, SIZE: 8 } as const;
export const FallocateIn = { fh: 0, offset: 8, length: 16, mode: 24, SIZE: 32 } as const;
export const LseekIn = { fh: 0, offset: 8, whence: 16, SIZE: 24 } as const;
export const CopyFileRangeIn = {
  fhIn: 0,
  offIn: 8,
  nodeidOut: 16,
  fhOut: 24,
  offOut: 32,
  len: 40,
  flags: 48,
  SIZE: 56,
} as const;

/** Bodies of replies, by byte offset after the header. */
export const InitOut = {
  major: 0,
  minor: 4,
  maxReadahead: 8,
  flags: 12,
  maxBackground: 16,
  congestionThreshold: 18,
  maxWrite: 20,
  timeGran: 24,
  maxPages: 28,
  mapAlignment: 30,
  flags2: 32,
  maxStackDepth: 36,
} as const;
export const EntryOut = {
  nodeid: 0,
  generation: 8,
  entryValid: 16,
  attrValid: 24,
  entryValidNsec: 32,
  attrValidNsec: 36,
  attr: 40,
} as const;
export const AttrOut = { attrValid: 0, attrValidNsec: 8, attr: 16 } as const;
export const Attr = {
  ino: 0,
  size: 8,
  blocks: 16,
  atime: 24,
  mtime: 32,
  ctime: 40,
  atimeNsec: 48,
  mtimeNsec: 52,
  ctimeNsec: 56,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  rdev: 76,
  blksize: 80,
  flags: 84,
} as const;
/** struct fuse_statx_out with its struct fuse_statx at `stat`; the latter's offsets are absolute here. */
export const StatxOut = {
  attrValid: 0,
  attrValidNsec: 8,
  flags: 12,
  mask: 32,
  blksize: 36,
  attributes: 40,
  nlink: 48,
  uid: 52,
  gid: 56,
  mode: 60,
  ino: 64,
  size: 72,
  blocks: 80,
  attributesMask: 88,
  atime: 96,
  btime: 112,
  ctime: 128,
  mtime: 144,
  rdevMajor: 160,
  rdevMinor: 164,
  devMajor: 168,
  devMinor: 172,
} as const;
export const OpenOut = { fh: 0, openFlags: 8, backingId: 12 } as const;
export const KStatfs = {
  blocks: 0,
  bfree: 8,
  bavail: 16,
  files: 24,
  ffree: 32,
  bsize: 40,
  namelen: 44,
  frsize: 48,
} as const;
export const Dirent = { ino: 0, off: 8, namelen: 16, type: 20, name: 24 } as const;
