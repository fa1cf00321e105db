/**
 * mount(2) and umount2(2). Both need CAP_SYS_ADMIN.
 */
import { AT } from './directory.js';
import { allocate } from './memory.js';
import { slotA, slotB, slotC, slotD } from './name.js';
import { AT_FDCWD, NR, sys2, sys3, sys5 } from './syscall.js';

/** Flags of mount(2); linux/mount.h. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  SILENT: 32768,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

/** Flags of umount2(2). */
export const MNT = { FORCE: 1, DETACH: 2, EXPIRE: 4 } as const;

/** UMOUNT_NOFOLLOW of umount2(2): the target is not followed if it is a symbolic link. */
export const UMOUNT_NOFOLLOW = 8;

/** mount(2). Strings are names (nameFromText for a person's); a null one is passed as NULL. 0 or -errno. */
export function mount(
  source: string | null, target: string, type: string | null, flags: number, data: string | null,
): number {
  const bad =
    slotA.put(source ?? '') || slotB.put(target) || slotC.put(type ?? '') || slotD.put(data ?? '');
  if (bad < 0) return bad;
  return sys5(
    NR.mount,
    source === null ? 0 : slotA.address,
    slotB.address,
    type === null ? 0 : slotC.address,
    flags,
    data === null ? 0 : slotD.address,
  );
}

/** umount2(2); flags in MNT. EBUSY while the mount is in use (MNT.DETACH: gone at once, ended when unused). */
export function umount2(target: string, flags: number): number {
  const bad = slotA.put(target);
  if (bad < 0) return bad;
  return sys2(NR.umount2, slotA.address, flags);
}

const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;

/**
 * open_tree(2) with OPEN_TREE_CLONE: an O_PATH descriptor of `path` on a private copy of its mount, without the mounts
 * below it. The copy keeps the file system, not the original mount, which can be unmounted; it goes with its last
 * descriptor. Or -errno: EPERM without CAP_SYS_ADMIN, EINVAL for a mount that may not be copied.
 */
export function cloneMount(path: string): number {
  const bad = slotA.put(path);
  if (bad < 0) return bad;
  return sys3(NR.open_tree, AT_FDCWD, slotA.address, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

const MOUNT_ATTR_RDONLY = 0x1;
const MOUNT_ATTR_NODEV = 0x4;
const MOUNT_ATTR_NOATIME = 0x10;
/** All the bits that say how times of access are kept. */
const MOUNT_ATTR_ATIMES = 0x70;
const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

// struct mount_attr { u64 set; u64 clear; u64 propagation; u64 userns_fd; }
const mountAttributes = allocate(32);
mountAttributes.u32[0] = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSYMFOLLOW;

/**
 * mount_setattr(2) on a mount made by cloneMount: no symbolic link there is followed and no device opened by whoever goes
 * through it, whatever the flags of a call. 0 or -errno: ENOSYS before Linux 5.12, EINVAL before 5.14.
 */
export function restrictMount(fd: number): number {
  slotA.put('');
  return sys5(NR.mount_setattr, fd, slotA.address, AT.EMPTY_PATH, mountAttributes.address, mountAttributes.length);
}

const frozenAttributes = allocate(32);
frozenAttributes.u32[0] = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME | MOUNT_ATTR_NOSYMFOLLOW;
frozenAttributes.u32[2] = MOUNT_ATTR_ATIMES;

/** The same, and through this mount nothing can be changed, nor is any time of access. 0 or -errno, as restrictMount. */
export function freezeMount(fd: number): number {
  slotA.put('');
  return sys5(NR.mount_setattr, fd, slotA.address, AT.EMPTY_PATH, frozenAttributes.address, frozenAttributes.length);
}
