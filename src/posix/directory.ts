/**
 * Names in directories: make, remove, rename, link, list.
 */
import { E } from './errno.js';
import { lseek, SEEK } from './file.js';
import { inodeNumber } from './inode-number.js';
import { allocate, type Block } from './memory.js';
import { PATH_MAX, slotA, slotB } from './name.js';
import { AT_FDCWD, NR, sys3, sys4, sys5 } from './syscall.js';

/** Flags and special descriptors of the *at calls; linux/fcntl.h. */
export const AT = {
  FDCWD: AT_FDCWD,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
} as const;

/** Flags of renameat2(2). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const;

/** Types of directory entries: the type bits of a mode, shifted right by 12. */
export const DT = {
  UNKNOWN: 0, FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12,
} as const;

/** mkdirat(2) */
export function mkdirat(dirfd: number, name: string, mode: number): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  return sys3(NR.mkdirat, dirfd, slotA.address, mode);
}

/** mknodat(2); `mode` carries the type. A number too large for the kernel's 12+20 bits is EINVAL. */
export function mknodat(
  dirfd: number, name: string, mode: number, devMajor: number, devMinor: number,
): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  if (devMajor > 0xfff || devMinor > 0xfffff) return -E.EINVAL;
  // new_encode_dev() of linux/kdev_t.h
  const device = ((devMinor & 0xff) | (devMajor << 8) | ((devMinor & 0xfff00) << 12)) >>> 0;
  return sys4(NR.mknodat, dirfd, slotA.address, mode, device);
}

/** unlinkat(2); AT.REMOVEDIR removes a directory. */
export function unlinkat(dirfd: number, name: string, flags: number): number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  return sys3(NR.unlinkat, dirfd, slotA.address, flags);
}

/** renameat2(2); flags in RENAME. */
export function renameat2(
  fromDirfd: number, fromName: string, toDirfd: number, toName: string, flags: number,
): number {
  const bad = slotA.put(fromName) || slotB.put(toName);
  if (bad < 0) return bad;
  return sys5(NR.renameat2, fromDirfd, slotA.address, toDirfd, slotB.address, flags);
}

/** linkat(2). Without AT.SYMLINK_FOLLOW a symbolic link is itself linked. */
export function linkat(
  fromDirfd: number, fromName: string, toDirfd: number, toName: string, flags: number,
): number {
  const bad = slotA.put(fromName) || slotB.put(toName);
  if (bad < 0) return bad;
  return sys5(NR.linkat, fromDirfd, slotA.address, toDirfd, slotB.address, flags);
}

/** A name for an open file (O_TMPFILE, O_PATH): linkat(2) with AT_EMPTY_PATH, or by way of /proc without the capability. */
export function linkFd(fd: number, dirfd: number, name: string): number {
  const result = linkat(fd, '', dirfd, name, AT.EMPTY_PATH);
  // ENOENT is what the kernel says to a caller without CAP_DAC_READ_SEARCH.
  if (result !== -E.ENOENT) return result;
  return linkat(AT.FDCWD, `/proc/self/fd/${fd}`, dirfd, name, AT.SYMLINK_FOLLOW);
}

/** symlinkat(2) */
export function symlinkat(target: string, dirfd: number, name: string): number {
  const bad = slotA.put(target) || slotB.put(name);
  if (bad < 0) return bad;
  return sys3(NR.symlinkat, slotA.address, dirfd, slotB.address);
}

const target = allocate(PATH_MAX);

/** readlinkat(2): the target, or -errno. An empty name reads the link that `dirfd` (O_PATH|O_NOFOLLOW) is. */
export function readlinkat(dirfd: number, name: string): string | number {
  const bad = slotA.put(name);
  if (bad < 0) return bad;
  const length = sys4(NR.readlinkat, dirfd, slotA.address, target.address, target.length);
  if (length < 0) return length;
  return target.bytes.latin1Slice(0, length);
}

const LISTING = 65536;
// One block a nesting level: a visitor may list another directory.
const listings: DirectoryEntry[] = [];
let listingDepth = 0;

// struct linux_dirent64 { u64 ino; s64 off; u16 reclen; u8 type; char name[]; }, padded to 8 bytes.
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;

/** An entry as it lies in memory, where the next one will lie: its name is the bytes from `start` to `end`. */
export class DirectoryEntry {
  private readonly block: Block = allocate(LISTING);
  readonly bytes = this.block.bytes;
  private readonly u32 = this.block.u32;
  readonly address = this.block.address;
  private at = 0;
  start = 0;
  end = 0;

  get name(): string {
    return this.bytes.latin1Slice(this.start, this.end);
  }

  /** DT_*; DT.UNKNOWN where the file system does not say. */
  get type(): number {
    return this.bytes[this.at + TYPE];
  }

  get ino(): number {
    const word = this.at >>> 2;
    return inodeNumber(this.u32[word], this.u32[word + 1]);
  }

  /** Whether the name begins so. */
  begins(prefix: string): boolean {
    const { bytes, start } = this;
    if (this.end - start < prefix.length) return false;
    for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix.charCodeAt(i)) return false;
    return true;
  }

  /** Goes to the entry at `at`; returns where the next begins. */
  goTo(at: number): number {
    const { bytes } = this;
    const next = at + (bytes[at + RECLEN] | (bytes[at + RECLEN + 1] << 8));
    this.at = at;
    this.start = at + NAME;
    // The padding is under 8 bytes, so the NUL that ends the name is the first one in the last 8.
    let end = Math.max(this.start, next - 8);
    while (bytes[end] !== 0) end++;
    this.end = end;
    return next;
  }

  get isDots(): boolean {
    const { bytes, start } = this;
    const length = this.end - start;
    return length <= 2 && bytes[start] === 0x2e && (length === 1 || bytes[start + 1] === 0x2e);
  }
}

/**
 * Lists a whole directory from its start, without '.' and '..': each entry's name, DT_ type (DT.UNKNOWN where the file
 * system does not say) and inode number. 0 or -errno. `fd` must be open for reading, and its position is moved.
 * `visit` may return false to have no more of it.
 */
export function readDirectory(
  fd: number, visit: (name: string, type: number, ino: number) => unknown,
): number {
  return readEntries(fd, (entry) => visit(entry.name, entry.type, entry.ino));
}

/** The same without making a string of each name. The entry is reused for the next. */
export function readEntries(fd: number, visit: (entry: DirectoryEntry) => unknown): number {
  const rewound = lseek(fd, 0, SEEK.SET);
  if (rewound < 0) return rewound;
  const entry = (listings[listingDepth] ??= new DirectoryEntry());
  listingDepth++;
  try {
    for (;;) {
      const filled = sys3(NR.getdents64, fd, entry.address, LISTING);
      if (filled <= 0) return filled;
      for (let at = 0; at < filled;) {
        at = entry.goTo(at);
        if (!entry.isDots && visit(entry) === false) return 0;
      }
    }
  } finally {
    listingDepth--;
  }
}
