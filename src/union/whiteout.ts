// Whiteouts and opaque marks, in AUFS's form on disk (aufs(5)): a whiteout of NAME is an empty regular file
// `.wh.NAME`, mode 0444, a hard link of the branch's `.wh..wh.aufs`; `.wh..wh..opq` in a directory hides
// everything below it. Where a name and its whiteout stand side by side, the whiteout counts.

import { E, Errno, must } from '../posix/errno.js';
import { O, close, dup, openat, openat2Beneath } from '../posix/file.js';
import { AT } from '../posix/directory.js';
import { fchmod, fchown } from '../posix/attributes.js';
import { getegid, geteuid } from '../posix/credentials.js';
import { linkat, mkdirat, readDirectory, renameat2, unlinkat } from '../posix/directory.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { fremovexattr } from '../posix/xattr.js';
import { type Branch, UnionError } from './branch.js';
import { WHITEOUT_PREFIX } from './name.js';
import { removeTree } from './remove-tree.js';

export const WHITEOUT_BASE = '.wh..wh.aufs';
export const PLINK_DIRECTORY = '.wh..wh.plnk';
export const ORPHAN_DIRECTORY = '.wh..wh.orph';
export const OPAQUE_MARK = '.wh..wh..opq';

const st = new Stat();

export function hasWhiteout(dirfd: number, name: string): boolean {
  return exists(dirfd, WHITEOUT_PREFIX + name);
}

/** By AUFS's mark; overlay-marks.ts knows others. */
export function isOpaque(dirfd: number): boolean {
  return exists(dirfd, OPAQUE_MARK);
}

/** The same of a directory in `dirfd`, which must not be a symbolic link: one call instead of three. */
export function isOpaqueChild(dirfd: number, name: string): boolean {
  const mark = openat2Beneath(dirfd, `${name}/${OPAQUE_MARK}`, O.PATH | O.NOFOLLOW);
  if (mark >= 0) {
    close(mark);
    return true;
  }
  // Before Linux 5.6; ENAMETOOLONG: of both together.
  if (mark === -E.ENOSYS || mark === -E.ENAMETOOLONG) return isOpaqueByDescriptor(dirfd, name);
  if (isNotThere(mark)) return false;
  throw new Errno(-mark);
}

function isOpaqueByDescriptor(dirfd: number, name: string): boolean {
  const fd = must(openat(dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0));
  try {
    return isOpaque(fd);
  } finally {
    close(fd);
  }
}

function exists(dirfd: number, name: string): boolean {
  const result = statat(dirfd, name, st);
  if (result >= 0) return true;
  if (isNotThere(result)) return false;
  throw new Errno(-result);
}

/** Of a name looked for: a branch does not have it either where its file system has no such names (too long, not UTF-8 …). */
export function isNotThere(result: number): boolean {
  return result === -E.ENOENT || result === -E.ENAMETOOLONG || result === -E.EILSEQ || result === -E.EINVAL;
}

/** Makes the whiteout of `name`. It is no error if it is there already. */
export function makeWhiteout(branch: Branch, dirfd: number, name: string): void {
  makeMark(branch, dirfd, WHITEOUT_PREFIX + name);
}

export function makeOpaque(branch: Branch, dirfd: number): void {
  makeMark(branch, dirfd, OPAQUE_MARK);
}

/** Returns whether there was one. */
export function removeWhiteout(dirfd: number, name: string): boolean {
  let result = unlinkat(dirfd, WHITEOUT_PREFIX + name, 0);
  if (result === -E.ENOENT) return false;
  // Somebody made a directory of that name: it counts as a whiteout, and what is in it is not ours to remove (AUFS: EIO).
  if (result === -E.EISDIR) result = unlinkat(dirfd, WHITEOUT_PREFIX + name, AT.REMOVEDIR);
  if (result === -E.ENOTEMPTY) throw new Errno(E.EIO, 'whiteout');
  must(result, 'whiteout');
  return true;
}

function makeMark(branch: Branch, dirfd: number, mark: string): void {
  if (branch.spec.nolwh) {
    makeEmpty(dirfd, mark);
    return;
  }
  let result = linkat(branch.root, WHITEOUT_BASE, dirfd, mark, 0);
  if (result === -E.EMLINK) {
    // The base has as many links as the file system allows: whiteouts from now on link to a new one.
    renewBase(branch);
    result = linkat(branch.root, WHITEOUT_BASE, dirfd, mark, 0);
  }
  if (result >= 0 || result === -E.EEXIST) return;
  // The base was removed directly, or lies on another mount than this directory, or there are no hard links here.
  if (result !== -E.ENOENT && result !== -E.EXDEV && !hasNoLinks(result)) throw new Errno(-result);
  makeEmpty(dirfd, mark);
}

/** What link(2) says on file systems without hard links; and, of EPERM, in directories that take no entries. */
export function hasNoLinks(result: number): boolean {
  return result === -E.EPERM || result === -E.EOPNOTSUPP || result === -E.ENOSYS || result === -E.EMLINK;
}

function makeEmpty(dirfd: number, name: string): void {
  const fd = openat(dirfd, name, O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW, 0o444);
  if (fd === -E.EEXIST) return;
  must(fd);
  // The mode says nothing, and not every file system has modes.
  fchmod(fd, 0o444);
  close(fd);
}

function renewBase(branch: Branch): void {
  const fresh = `${WHITEOUT_BASE}.${process.pid.toString(16)}`;
  makeEmpty(branch.root, fresh);
  must(renameat2(branch.root, fresh, branch.root, WHITEOUT_BASE, 0));
}

/**
 * Makes what AUFS keeps on a writable branch: `.wh..wh.aufs` (not with nolwh), `.wh..wh.plnk` (not with
 * noplink) and `.wh..wh.orph`. Throws UnionError.
 */
export function prepareBranch(branch: Branch, plink: boolean): void {
  if (branch.hasOwnWhiteouts) throw new UnionError(whyNoWhiteouts(branch));
  try {
    if (!branch.spec.nolwh) {
      if (statat(branch.root, WHITEOUT_BASE, st) < 0) makeEmpty(branch.root, WHITEOUT_BASE);
      else if ((st.mode & S.IFMT) !== S.IFREG) throw new UnionError(`${branch.path}/${WHITEOUT_BASE} is not a regular file; remove it`);
    }
    if (plink) branch.plinkDir = baseDirectory(branch, PLINK_DIRECTORY);
    branch.orphanDir = baseDirectory(branch, ORPHAN_DIRECTORY);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new UnionError(whyNotWritable(branch, error));
  }
}

/** `.wh..wh.plnk` comes or goes, as plink and noplink have it, on a branch that is prepared. Throws UnionError. */
export function setPlinkDirectory(branch: Branch, plink: boolean): void {
  if (plink === branch.plinkDir >= 0) return;
  if (plink) {
    try {
      branch.plinkDir = baseDirectory(branch, PLINK_DIRECTORY);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      throw new UnionError(whyNotWritable(branch, error));
    }
    return;
  }
  close(branch.plinkDir);
  branch.plinkDir = -1;
  unlinkat(branch.root, PLINK_DIRECTORY, AT.REMOVEDIR);
}

function whyNotWritable(branch: Branch, error: Errno): string {
  switch (error.errno) {
    case E.EROFS:
      return `branch ${branch.path} is on a read-only file system; give it as ${branch.path}=ro`;
    case E.EACCES:
    case E.EPERM:
      return `branch ${branch.path} cannot be written: permission denied; give it as ${branch.path}=ro, or mount as its owner`;
    // fuse-overlayfs.
    case E.EINVAL:
      return whyNoWhiteouts(branch);
    default:
      return `branch ${branch.path} cannot be prepared for writing: ${error.message}`;
  }
}

function whyNoWhiteouts({ path }: Branch): string {
  return `branch ${path} cannot be written by a union: its file system refuses names that begin with ${WHITEOUT_PREFIX}, `
    + `being a union itself; give it as ${path}=ro, or give its own branches`;
}

/** What to say of a writable branch where whiteouts hide more than they should; or null. */
export function caseWarning(branch: Branch): string | null {
  if (statat(branch.root, ORPHAN_DIRECTORY.toUpperCase(), st) < 0) return null;
  return `branch ${branch.path} does not tell upper from lower case: names that differ in it only are one name there`;
}

function baseDirectory(branch: Branch, name: string): number {
  const made = mkdirat(branch.root, name, 0o700);
  if (made < 0 && made !== -E.EEXIST) throw new Errno(-made);
  const fd = openat(branch.root, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd === -E.ENOTDIR || fd === -E.ELOOP) throw new UnionError(`${branch.path}/${name} is not a directory; remove it`);
  must(fd, name);
  try {
    keepToOurselves(fd, `${branch.path}/${name}`);
  } catch (error) {
    close(fd);
    throw error;
  }
  return fd;
}

/**
 * What is made in these directories is not right yet, or has no name any more: nobody else may reach it, whoever made
 * the directory. Nor may a default ACL, inherited from the branch, become that of copies.
 */
function keepToOurselves(fd: number, path: string): void {
  must(fstat(fd, st));
  const { uid, mode } = st;
  if (uid !== geteuid()) {
    const owned = fchown(fd, geteuid(), getegid());
    if (owned === -E.EPERM) throw new UnionError(`${path} belongs to another user; remove it, or mount as that user or as root`);
    must(owned);
  }
  for (const acl of ['system.posix_acl_default', 'system.posix_acl_access']) fremovexattr(fd, acl);
  if ((mode & 0o7777) !== 0o700) must(fchmod(fd, 0o700));
}

/**
 * The orphan directory of a branch, a descriptor (O_PATH) of the caller's; on one that is not prepared for writing it is made
 * if need be, and removed by `giveBack`, which closes the descriptor in any case. Throws UnionError or Errno.
 */
export function borrowOrphans(branch: Branch): { fd: number; giveBack: () => void } {
  if (branch.orphanDir >= 0) {
    const fd = must(dup(branch.orphanDir));
    return { fd, giveBack: () => void close(fd) };
  }
  // It may be another union's, in which the branch takes writes.
  const isTheirs = statat(branch.root, ORPHAN_DIRECTORY, st) >= 0;
  const fd = baseDirectory(branch, ORPHAN_DIRECTORY);
  return {
    fd,
    giveBack: () => {
      close(fd);
      if (!isTheirs) unlinkat(branch.root, ORPHAN_DIRECTORY, AT.REMOVEDIR);
    },
  };
}

/** Removes what a crash left among the orphans. */
export function emptyOrphans(branch: Branch): void {
  const opened = must(openat(branch.orphanDir, '.', O.RDONLY | O.DIRECTORY, 0));
  const names: string[] = [];
  const result = readDirectory(opened, (name) => names.push(name));
  close(opened);
  must(result);
  for (const name of names) removeTree(branch.orphanDir, name);
}

/** Takes the base entries away from a branch that becomes read-only (aufs(5), mod). */
export function unprepareBranch(branch: Branch): void {
  releaseBranch(branch);
  unlinkat(branch.root, WHITEOUT_BASE, 0);
  unlinkat(branch.root, PLINK_DIRECTORY, AT.REMOVEDIR);
  unlinkat(branch.root, ORPHAN_DIRECTORY, AT.REMOVEDIR);
}

/** Closes the descriptors of the base directories. */
export function releaseBranch(branch: Branch): void {
  if (branch.plinkDir >= 0) close(branch.plinkDir);
  if (branch.orphanDir >= 0) close(branch.orphanDir);
  branch.plinkDir = branch.orphanDir = -1;
}
