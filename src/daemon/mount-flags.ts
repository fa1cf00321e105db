// The flags of mount(2) that a mount has, and their change while it is mounted.
import type { MountFlags, nativeFlags } from '../options/settings.js';
import { MountError } from './error.js';
import { mountAt, mountType } from './mount-table.js';

/** Those of the flags that the kernel can change while something is mounted. */
export type KernelFlags = Omit<MountFlags, 'allowOther' | 'context' | 'source' | keyof typeof nativeFlags>;

/**
 * What is in force at a mount point, from proc_pid_mountinfo(5).
 * @throws MountError where no union is mounted there
 */
export function readFlags(mountpoint: string): KernelFlags {
  const entry = mountAt(mountpoint);
  if (entry?.type !== mountType) throw new MountError(`${mountpoint} is not mounted any more; mount it anew`);
  const words = new Set(entry.flags);
  return {
    readonly: words.has('ro'),
    nosuid: words.has('nosuid'),
    nodev: words.has('nodev'),
    noexec: words.has('noexec'),
    atime: words.has('noatime') ? 'noatime' : words.has('relatime') ? 'relatime' : 'strictatime',
    nodiratime: words.has('nodiratime'),
    sync: words.has('sync'),
    dirsync: words.has('dirsync'),
  };
}

/**
 * Makes the flags at a mount point those that are wanted; what is not named stays. The options of FUSE itself
 * stay too: at mount(2)'s MS_REMOUNT the kernel takes none for it.
 * @throws MountError not permitted, or (read-only) files are open for writing
 */
export async function changeFlags(mountpoint: string, wanted: Partial<KernelFlags>): Promise<void> {
  const now = readFlags(mountpoint);
  // The kernel's default is relatime (mount(8)).
  const next = { ...now, ...wanted, ...(wanted.atime === 'default' ? { atime: 'relatime' as const } : {}) };
  const changed = (Object.keys(next) as (keyof KernelFlags)[]).filter((name) => next[name] !== now[name]);
  if (changed.length === 0) return;
  if (process.geteuid!() !== 0) throw notPermitted(mountpoint, changed);
  const { E, errnoText } = await import('../posix/errno.js');
  const result = await setFlags(mountpoint, next);
  if (result === -E.EPERM) throw notPermitted(mountpoint, changed);
  if (result === -E.EBUSY) {
    throw new MountError(`${mountpoint} cannot be made read-only: files are open for writing; see lsof ${mountpoint}`);
  }
  if (result < 0) throw new MountError(`${mountpoint} cannot be changed: ${errnoText(-result)}`);
}

/**
 * Remounts with the flags as they are: the kernel then drops every name that nobody uses, those that it knows to be
 * missing too. Only root can; for others the names are dropped by the worker.
 */
export async function dropUnusedNames(mountpoint: string): Promise<void> {
  if (process.geteuid!() !== 0 || mountAt(mountpoint)?.type !== mountType) return;
  await setFlags(mountpoint, readFlags(mountpoint));
}

/** mount(2) with MS_REMOUNT: 0 or -errno. */
async function setFlags(mountpoint: string, next: KernelFlags): Promise<number> {
  const { mount, MS } = await import('../posix/mount.js');
  const { nameFromText } = await import('../posix/name.js');
  const atime = { relatime: MS.RELATIME, noatime: MS.NOATIME, strictatime: MS.STRICTATIME, default: MS.RELATIME };
  const flags = MS.REMOUNT | atime[next.atime] |
    (next.readonly ? MS.RDONLY : 0) | (next.nosuid ? MS.NOSUID : 0) | (next.nodev ? MS.NODEV : 0) |
    (next.noexec ? MS.NOEXEC : 0) | (next.nodiratime ? MS.NODIRATIME : 0) |
    (next.sync ? MS.SYNCHRONOUS : 0) | (next.dirsync ? MS.DIRSYNC : 0);
  return mount(null, nameFromText(mountpoint), null, flags, null);
}

function notPermitted(mountpoint: string, changed: readonly string[]): MountError {
  return new MountError(
    `${mountpoint}: only a mount made by root can change its flags (${changed.join(', ')}); unmount it and mount it anew`,
  );
}
