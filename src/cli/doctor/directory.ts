// What a directory would lack as a branch. It is tried out in a hidden directory of its own, which is removed.

import {
  chmodSync, closeSync, constants, copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { readMountTable } from '../../daemon/mount-table.js';
import { E, errnoName } from '../../posix/errno.js';
import { O, close, openat } from '../../posix/file.js';
import { allocate } from '../../posix/memory.js';
import { nameFromText } from '../../posix/name.js';
import { StatFs, fstatfs } from '../../posix/statfs.js';
import { AT_FDCWD } from '../../posix/syscall.js';
import { getXattr, lsetxattrat } from '../../posix/xattr.js';
import { fail, ok, warn, type Finding } from './finding.js';

export function checkDirectory(written: string): Finding[] {
  const directory = path.resolve(written);
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return [fail(written, 'does not exist', `mkdir ${written}`)];
  if (!stat.isDirectory()) return [fail(written, 'is not a directory', 'name the directory of a branch')];
  const type = typeOf(directory);
  const about = { directory, type, label: written };
  if (['fuse.tsaufs', 'aufs', 'fuse.fuse-overlayfs', 'fuse.unionfs'].includes(type)) {
    return [warn(written, `is a union itself (${type})`, 'as a branch only for reading (ro); name its own branches to write')];
  }
  if (['proc', 'sysfs', 'cgroup', 'cgroup2', 'devpts', 'debugfs', 'tracefs', 'securityfs', 'autofs'].includes(type)) {
    return [warn(written, `shows the kernel's state (${type})`, 'name a directory with files')];
  }
  let scratch: string;
  try {
    scratch = mkdtempSync(path.join(directory, '.tsaufs-doctor-'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EROFS' ? 'cannot be written' : `cannot be written by this user (${code ?? ''})`;
    return [ok(written, `${type}; ${why}: a branch for reading (ro)`), ...reading(about)];
  }
  try {
    return [ok(written, `${type}, can be written`), ...reading(about), ...writing({ ...about, scratch })];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface About {
  directory: string;
  type: string;
  /** As it was written. */
  label: string;
}

/** Of the file system that it lies on; of btrfs the device number of a file is not that of its mount. */
function typeOf(directory: string): string {
  const within = ({ mountpoint }: { mountpoint: string }): boolean => mountpoint === '/' || directory === mountpoint || directory.startsWith(`${mountpoint}/`);
  const found = readMountTable().filter(within).reduce<{ mountpoint: string; type: string } | undefined>(
    (best, entry) => best === undefined || entry.mountpoint.length >= best.mountpoint.length ? entry : best, undefined);
  return found?.type ?? 'of unknown type';
}

function reading({ directory, type, label }: About): Finding[] {
  const found: Finding[] = [];
  if (/^(nfs4?|cifs|smb3|9p|ceph|fuse(\..*)?|fuseblk|virtiofs)$/.test(type)) {
    found.push(warn(`${label}: changes`, 'what others change there is seen within 50 ms, not at once', 'a local file system, where that matters'));
  }
  const told = new StatFs();
  const fd = openat(AT_FDCWD, nameFromText(directory), O.PATH | O.DIRECTORY | O.CLOEXEC, 0);
  if (fd >= 0) {
    if (fstatfs(fd, told) === 0 && told.namelen < 255) {
      found.push(warn(`${label}: names`, `only ${told.namelen} bytes long: less in a union`, 'a file system with names of 255 bytes'));
    }
    close(fd);
  }
  return found;
}

function writing(about: About & { scratch: string }): Finding[] {
  const { scratch, label } = about;
  const at = (name: string): string => path.join(scratch, name);
  writeFileSync(at('file'), 'x'.repeat(4096));
  mkdirSync(at('directory'));
  const lacks: Finding[] = [];
  const need = (name: string, has: boolean, found: string, advice: string): void => {
    if (!has) lacks.push(warn(`${label}: ${name}`, found, advice));
  };
  need('d_type', readdirSync(scratch, { withFileTypes: true }).every((entry) => entry.isFile() || entry.isDirectory()),
    'listings do not tell kinds of files', 'XFS: mkfs with ftype=1; listing is slower');
  need('hard links', works(() => linkSync(at('file'), at('link'))), 'cannot be made: whiteouts cannot be links, and no pseudo-links', 'give the branch +nolwh, and mount with noplink');
  need('symbolic links', works(() => symlinkSync('file', at('symlink'))), 'cannot be made', 'a file system that has them');
  need('modes', works(() => chmodSync(at('file'), 0o640)) && (statSync(at('file')).mode & 0o777) === 0o640, 'are not kept', 'a file system that keeps owners and modes');
  need('names', !existsSync(at('FILE')), 'that differ in case only are one', 'a file system that tells them apart');
  need('user xattrs', attribute(at('file'), 'user.tsaufs') !== -E.EOPNOTSUPP, 'cannot be set: a copy-up leaves them out', 'a file system with extended attributes; tmpfs has user.* since Linux 6.6');
  if (process.geteuid!() === 0) {
    need('trusted xattrs', ![-E.EOPNOTSUPP, -E.EPERM].includes(attribute(at('file'), 'trusted.tsaufs')), 'cannot be set: after a crash pseudo-links are not found again', 'a file system with extended attributes');
  }
  need('ACLs', !isUnsupported(getXattr(AT_FDCWD, nameFromText(at('file')), 'system.posix_acl_access')), 'are not kept: a copy-up leaves them out', 'mount the file system with acl');
  need('O_TMPFILE', anonymousFile(scratch), 'is not there: programs that ask for unnamed files fail', 'a local file system');
  const reflink = works(() => copyFileSync(at('file'), at('clone'), constants.COPYFILE_FICLONE_FORCE));
  return lacks.length > 0 ? lacks : [ok(`${label}: features`, `all that a writable branch needs${reflink ? ', and reflinks: copy-up shares data' : '; no reflinks: copy-up copies data'}`)];
}

function works(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

const value = allocate(1);

/** 0 or -errno. */
function attribute(file: string, name: string): number {
  return lsetxattrat(AT_FDCWD, nameFromText(file), name, value.address, 1, 0);
}

function isUnsupported(result: Buffer | number): boolean {
  return typeof result === 'number' && errnoName(-result) === 'EOPNOTSUPP';
}

function anonymousFile(directory: string): boolean {
  const fd = openat(AT_FDCWD, nameFromText(directory), O.TMPFILE | O.RDWR | O.CLOEXEC, 0o600);
  if (fd < 0) return false;
  closeSync(fd);
  return true;
}
