import { InitFlag, InitFlag2, PROTOCOL } from './wire.js';

/** What the kernel says of itself in INIT. */
export interface InitOffer {
  major: number;
  minor: number;
  maxReadahead: number;
  flags: number;
  /** 0 unless the kernel speaks INIT_EXT (7.36). */
  flags2: number;
}

/** What the file system would like where the kernel has it. */
export interface InitWishes {
  /** POSIX ACLs, checked by the kernel from the xattrs system.posix_acl_*. */
  posixAcl: boolean;
  /** Backing files for reads and writes that bypass this process; needs CAP_SYS_ADMIN. */
  passthrough: boolean;
  /** The largest WRITE (and READ) in bytes, a multiple of 4096. */
  maxWrite: number;
}

/** What both sides have agreed on: the INIT reply, and what later requests look like. */
export interface Negotiated {
  minor: number;
  flags: number;
  flags2: number;
  maxReadahead: number;
  maxBackground: number;
  congestionThreshold: number;
  maxWrite: number;
  /** In units of 4096 bytes; 0 where the kernel knows no MAX_PAGES. */
  maxPages: number;
  /** Nanoseconds: attributes keep the branch's own resolution. */
  timeGran: number;
  /** How deep file systems may be stacked, this one counted; 0 without passthrough. */
  maxStackDepth: number;
  /** SETXATTR carries the long form of its structure. */
  setxattrExt: boolean;
  passthrough: boolean;
  posixAcl: boolean;
}

/** The most a kernel without MAX_PAGES (before 4.20) moves in one request. */
const PAGES_WITHOUT_MAX_PAGES = 32;

/**
 * One loop serves every request, so a long queue only lets readahead and writeback run ahead: enough that a
 * sequential reader never waits for the next request to be asked, few enough that others get a turn.
 */
const MAX_BACKGROUND = 64;
const CONGESTION_THRESHOLD = 48;

/**
 * Answers the kernel's offer (fuse_kernel.h, "Version negotiation"): the smaller minor of the two, and of the
 * flags the ones both want. Returns an error in words where the two cannot talk.
 */
export function negotiate(offer: InitOffer, wishes: InitWishes): Negotiated | string {
  if (offer.major !== PROTOCOL.MAJOR || offer.minor < PROTOCOL.OLDEST_MINOR) {
    return (
      `the kernel speaks FUSE protocol ${offer.major}.${offer.minor}; ` +
      `${PROTOCOL.MAJOR}.${PROTOCOL.OLDEST_MINOR} (Linux 3.15) is the oldest supported`
    );
  }

  const flags = offer.flags & wantedFlags(wishes);
  const extended = (flags & InitFlag.INIT_EXT) !== 0;
  const flags2 = extended && wishes.passthrough ? offer.flags2 & InitFlag2.PASSTHROUGH : 0;

  const manyPages = (flags & InitFlag.MAX_PAGES) !== 0;
  const maxWrite = manyPages ? wishes.maxWrite : Math.min(wishes.maxWrite, PAGES_WITHOUT_MAX_PAGES * 4096);
  const passthrough = (flags2 & InitFlag2.PASSTHROUGH) !== 0;
  return {
    minor: Math.min(offer.minor, PROTOCOL.MINOR),
    flags,
    flags2,
    maxReadahead: offer.maxReadahead,
    maxBackground: MAX_BACKGROUND,
    congestionThreshold: CONGESTION_THRESHOLD,
    maxWrite,
    maxPages: manyPages ? maxWrite / 4096 : 0,
    timeGran: 1,
    maxStackDepth: passthrough ? 1 : 0,
    setxattrExt: (flags & InitFlag.SETXATTR_EXT) !== 0,
    passthrough,
    posixAcl: (flags & InitFlag.POSIX_ACL) !== 0,
  };
}

/**
 * What is asked for, with the reason. What is left out is left out on purpose: POSIX_LOCKS and FLOCK_LOCKS
 * (the kernel's own locks are right for one machine), WRITEBACK_CACHE (excludes passthrough, and would hide
 * the moment of a copy-up's error from write(2)), NO_OPEN_SUPPORT and NO_OPENDIR_SUPPORT (an open file must
 * stay on the branch file it opened), AUTO_INVAL_DATA (a write of our own changes the mtime, and would throw
 * away the pages just written; the union says at open whether cached pages are still right).
 */
function wantedFlags(wishes: InitWishes): number {
  return (
    InitFlag.ASYNC_READ | // several readahead requests at a time
    InitFlag.ASYNC_DIO | // the same for O_DIRECT
    InitFlag.BIG_WRITES | // before 4.20: writes of more than a page
    InitFlag.MAX_PAGES | // requests of up to a megabyte
    InitFlag.ATOMIC_O_TRUNC | // open(O_TRUNC) in one request: its copy-up then copies no data
    InitFlag.DO_READDIRPLUS | // names with attributes in one request…
    InitFlag.READDIRPLUS_AUTO | // …where the reader looks at attributes
    InitFlag.PARALLEL_DIROPS | // lookups in one directory do not wait for each other
    InitFlag.CACHE_SYMLINKS | // READLINK once
    InitFlag.HANDLE_KILLPRIV_V2 | // set-id bits go in the same request as the write, not by an extra one
    InitFlag.EXPLICIT_INVAL_DATA | // cached pages go when we say so
    InitFlag.EXPORT_SUPPORT | // open_by_handle_at(2) and NFS: lookups of '.' and '..'
    InitFlag.DONT_MASK | // a directory's default ACL replaces the umask: only the union can tell
    InitFlag.SETXATTR_EXT | // SETXATTR says when an ACL takes the set-group-id bit away
    InitFlag.INIT_EXT | // the upper 32 flags
    (wishes.posixAcl ? InitFlag.POSIX_ACL : 0)
  );
}
