import { existsSync, statSync } from 'node:fs';
import { geteuid } from '../../posix/credentials.js';
import { E, Errno, errnoText } from '../../posix/errno.js';
import { close, O, openat, setNonblock } from '../../posix/file.js';
import { MNT, mount, MS, umount2, UMOUNT_NOFOLLOW } from '../../posix/mount.js';
import { nameFromText } from '../../posix/name.js';
import { AT_FDCWD } from '../../posix/syscall.js';
import type { MountFlags } from '../adapter.js';
import { busy, mountByHelper, unmountByHelper } from './fusermount.js';

const DEVICE = '/dev/fuse';
const SUBTYPE = 'tsaufs';
export const SELINUX = '/sys/fs/selinux/enforce';

export interface MountRequest {
  readonly mountpoint: string;
  readonly source: string;
  readonly flags: MountFlags;
  /** The largest READ the kernel may ask for, in bytes. */
  readonly maxRead: number;
}

/** A mounted file system nobody serves yet. */
export interface Mounted {
  /** /dev/fuse, not blocking; the caller closes it. */
  readonly fd: number;
  readonly mountpoint: string;
  readonly by: 'mount' | 'fusermount';
}

/** Makes sure that the mount point can be one. Throws an Error of one line. */
export function checkMountpoint(mountpoint: string): void {
  let isDirectory: boolean;
  try {
    isDirectory = statSync(mountpoint).isDirectory();
  } catch (error) {
    throw new Error(describeMissing(mountpoint, (error as NodeJS.ErrnoException).code));
  }
  if (!isDirectory) throw new Error(`mount point ${mountpoint} is not a directory; name one`);
}

function describeMissing(mountpoint: string, code: string | undefined): string {
  if (code === 'ENOENT') return `mount point ${mountpoint} does not exist; make it with mkdir`;
  if (code === 'ENOTDIR') return `mount point ${mountpoint} is not a directory; name one`;
  if (code === 'ENOTCONN') {
    return `${mountpoint} is a mount whose process has died: unmount it first (tsaufs umount ${mountpoint})`;
  }
  return `mount point ${mountpoint} cannot be used: ${code}`;
}

/**
 * Mounts: by mount(2) where that is allowed, else by fusermount3. Rejects with an Error of one line; nothing
 * is mounted then.
 */
export async function mountFuse(request: MountRequest): Promise<Mounted> {
  if (geteuid() === 0) {
    const mounted = mountDirectly(request);
    if (mounted !== null) return mounted;
  }
  const fd = await mountByHelper(request.mountpoint, helperOptions(request)).catch((error: unknown) => {
    if (geteuid() !== 0) throw error;
    throw new Error(`root may not mount on ${request.mountpoint} here: a container has to be started with --device ${DEVICE} --cap-add SYS_ADMIN`);
  });
  setNonblock(fd, true);
  return { fd, mountpoint: request.mountpoint, by: 'fusermount' };
}

/** Null when mount(2) is not permitted, as to root in a container: fusermount3 may be. */
function mountDirectly(request: MountRequest): Mounted | null {
  const fd = openat(AT_FDCWD, DEVICE, O.RDWR | O.NONBLOCK, 0);
  if (fd < 0) throw new Error(describeDevice(-fd));

  const target = nameFromText(request.mountpoint);
  const source = nameFromText(request.source);
  const data = nameFromText(mountData(request, fd));
  const flags = mountFlags(request.flags);
  let result = mount(source, target, `fuse.${SUBTYPE}`, flags, data);
  if (result === -E.ENODEV) result = mount(`${SUBTYPE}#${source}`, target, 'fuse', flags, data);
  if (result === 0) return { fd, mountpoint: request.mountpoint, by: 'mount' };

  close(fd);
  if (result === -E.EPERM) return null;
  if (result === -E.ENODEV) throw new Error('this kernel has no FUSE: load it with `modprobe fuse`');
  throw new Error(`cannot mount on ${request.mountpoint}: ${errnoText(-result)}`);
}

function describeDevice(errno: number): string {
  if (errno === E.ENOENT || errno === E.ENODEV || errno === E.ENXIO) {
    return (
      `no ${DEVICE}: load the module with \`modprobe fuse\`; ` +
      `a container has to be started with --device ${DEVICE} --cap-add SYS_ADMIN`
    );
  }
  if (errno === E.EPERM || errno === E.EACCES) {
    return `${DEVICE} may not be opened: a container has to be started with --device ${DEVICE}`;
  }
  return `cannot open ${DEVICE}: ${errnoText(errno)}`;
}

/** The data of mount(2): the kernel checks permissions by mode and ACL (default_permissions). */
function mountData(request: MountRequest, fd: number): string {
  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return [
    `fd=${fd}`,
    'rootmode=40000',
    `user_id=${uid}`,
    `group_id=${gid}`,
    `max_read=${request.maxRead}`,
    'default_permissions',
    // As with AUFS, what root mounts is for everybody; a user must ask (and /etc/fuse.conf allow it).
    ...(request.flags.allowOther || geteuid() === 0 ? ['allow_other'] : []),
    ...labelOption(request.flags.context, existsSync(SELINUX)),
  ].join(',');
}

/** Quoted, for labels have commas in them; where there is no SELinux the kernel refuses the option. */
export function labelOption(context: string | undefined, selinux: boolean): string[] {
  return context === undefined || !selinux ? [] : [`context="${context}"`];
}

function mountFlags(flags: MountFlags): number {
  const atime = { relatime: MS.RELATIME, noatime: MS.NOATIME, strictatime: MS.STRICTATIME, default: 0 };
  return (
    (flags.readonly ? MS.RDONLY : 0) |
    (flags.nosuid ? MS.NOSUID : 0) |
    (flags.nodev ? MS.NODEV : 0) |
    (flags.noexec ? MS.NOEXEC : 0) |
    atime[flags.atime]
  );
}

/** The same as words for fusermount3, which adds nosuid and nodev by itself and knows no strictatime. */
function helperOptions(request: MountRequest): string[] {
  const { flags } = request;
  return [
    `fsname=${request.source.replaceAll('\\', '\\\\').replaceAll(',', '\\,')}`,
    `subtype=${SUBTYPE}`,
    `max_read=${request.maxRead}`,
    'default_permissions',
    ...(flags.allowOther || geteuid() === 0 ? ['allow_other'] : []),
    ...(flags.readonly ? ['ro'] : []),
    ...(flags.noexec ? ['noexec'] : []),
    ...(flags.atime === 'noatime' ? ['noatime'] : []),
  ];
}

/**
 * Unmounts; with `lazy` at once from the tree, and for good when the last user is gone. What is not mounted any
 * more is no error. Rejects with an Error of one line.
 */
export async function unmountFuse(mounted: Pick<Mounted, 'mountpoint' | 'by'>, lazy: boolean): Promise<void> {
  const { mountpoint } = mounted;
  if (mounted.by === 'fusermount') {
    await unmountByHelper(mountpoint, lazy);
    return;
  }
  const result = umount2(nameFromText(mountpoint), (lazy ? MNT.DETACH : 0) | UMOUNT_NOFOLLOW);
  if (result === -E.EBUSY) throw new Error(busy(mountpoint));
  // EINVAL: not a mount point (any more).
  if (result < 0 && result !== -E.EINVAL && result !== -E.ENOENT) {
    throw new Error(`cannot unmount ${mountpoint}: ${new Errno(-result).message}`);
  }
}
