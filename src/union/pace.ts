// How long a branch's file system may keep who reads or writes it waiting, told by its type; statfs(2).

import { FS_MAGIC, StatFs, fstatfs } from '../posix/statfs.js';

export const PACE = {
  /** In memory: nothing ever waits. */
  MEMORY: 0,
  /** A disk of a file system that tells whether a read would wait (RWF_NOWAIT). */
  DISK: 1,
  /** Of one that cannot tell. */
  UNKNOWN: 2,
  /** A network file system, FUSE: may wait for ever. */
  REMOTE: 3,
} as const;

export type Pace = (typeof PACE)[keyof typeof PACE];

/** Network and FUSE file systems. Others may change a file there without our kernel noticing. */
const REMOTE: ReadonlySet<number> = new Set([
  0x6969 /* NFS */, 0x517b /* SMB */, 0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */, 0x65735546 /* FUSE */,
  0x01021997 /* 9P */, 0x00c36400 /* Ceph */, 0x5346414f /* AFS */, 0x6b414653 /* kAFS */, 0x0bd00bd0 /* Lustre */,
  0x01161970 /* GFS2 */, 0x7461636f /* OCFS2 */, 0x47504653 /* GPFS */, 0x786f4256 /* vboxsf */,
]);

const st = new StatFs();

/** The pace of the file system that a descriptor lies on. */
export function paceOf(fd: number): Pace {
  if (fstatfs(fd, st) < 0) return PACE.UNKNOWN;
  if (st.type === FS_MAGIC.TMPFS || st.type === FS_MAGIC.RAMFS) return PACE.MEMORY;
  return REMOTE.has(st.type) ? PACE.REMOTE : PACE.DISK;
}
