// A branch: one directory of the union, with its permission and attributes (aufs(5), "Branch Syntax").

import { O, close, openat } from '../posix/file.js';
import { E, errnoName } from '../posix/errno.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { cloneMount, freezeMount, restrictMount } from '../posix/mount.js';
import { AT_FDCWD } from '../posix/syscall.js';
import type { BranchSpec } from './options.js';
import { WHITEOUT_PREFIX, encodePath } from './name.js';
import { type Pace, paceOf } from './pace.js';
import type { RenamedDirectories } from './rename-record.js';
import { type FileSystem, FileSystems } from './file-system.js';

/** A union that cannot be made or changed as asked: one clear line for the user. */
export class UnionError extends Error {
  override readonly name = 'UnionError';
}

/**
 * Branch ids as AUFS shows them in sysfs (brid0, brid1, …): from 64 up, never used twice in a mount.
 */
const FIRST_BRANCH_ID = 64;

export class Branch {
  /** Position in the union, 0 on top; changes when branches come and go. */
  index: number;
  /** Takes writes: `rw` in a union that is not mounted read-only. */
  writable: boolean;
  /** Its whiteouts and opaque marks count: a writable branch, or `ro+wh`. */
  whiteouts: boolean;
  /** `.wh..wh.plnk`, `.wh..wh.orph`: descriptors (O_PATH), -1 where the branch has none. */
  plinkDir = -1;
  orphanDir = -1;
  /** Directories here that were renamed with parts on lower branches; null: none, or nodirren. */
  renamed: RenamedDirectories | null = null;
  /** What a node that lives on this branch alone has as its layers: one array for all of them. */
  readonly alone: readonly Branch[];
  /** How long its file system may make us wait; DISK turns to UNKNOWN where it cannot tell beforehand. */
  pace: Pace;
  /** Of pace UNKNOWN: something took long, so until this moment (performance.now) helpers do it. */
  slowUntil = 0;
  /** Open handles, working directories and the like that live here (EBUSY at del). */
  opens = 0;

  constructor(
    readonly id: number,
    readonly path: string,
    readonly root: number,
    /** The file system that its root lies on; files may lie on others of the union's. */
    readonly home: FileSystem,
    readonly fileSystems: FileSystems,
    public spec: BranchSpec,
    index: number,
    unionReadonly: boolean,
    /** It is a union itself, which keeps AUFS's names to itself: whiteouts can be neither made nor found there. */
    readonly hasOwnWhiteouts = false,
  ) {
    this.index = index;
    this.alone = [this];
    this.pace = paceOf(root);
    this.writable = spec.perm === 'rw' && !unionReadonly;
    this.whiteouts = this.countsWhiteouts();
  }

  /** What `whiteouts` is by the permission it has. */
  countsWhiteouts(): boolean {
    return (this.spec.perm === 'rw' || this.spec.wh) && !this.hasOwnWhiteouts;
  }

  /** As AUFS prints it: `/path=ro+wh`. */
  text(): string {
    return `${this.path}=${permissionText(this.spec)}`;
  }
}

/** `rw`, `ro+wh`, `rw+nolwh+coo_reg` …: permission and attributes in AUFS's spelling. */
export function permissionText(spec: BranchSpec): string {
  const attributes: string[] = [];
  if (spec.wh) attributes.push('wh');
  if (spec.nolwh) attributes.push('nolwh');
  if (spec.unpin) attributes.push('unpin');
  if (spec.moo) attributes.push('moo');
  else if (spec.coo !== 'none') attributes.push(`coo_${spec.coo}`);
  if (spec.fhsm) attributes.push('fhsm');
  if (spec.icex.length === 5) attributes.push('icex');
  else for (const part of spec.icex) attributes.push(`icex${part}`);
  return [spec.perm as string, ...attributes].join('+');
}

/**
 * Hands out branches and knows which file systems they lie on, so that two branches
 * of one file system share its inode numbers.
 */
export class BranchOpener {
  private nextId = FIRST_BRANCH_ID;
  private readonly fileSystems: FileSystems;

  /**
   * `openTable` makes a file for the inode numbers of a file system; null with noxino. `frozen`: to be looked at only; the
   * kernel refuses changes where it can (root's, on a copy of the mount).
   */
  constructor(openTable: (() => number) | null = null, private readonly frozen = false) {
    this.fileSystems = new FileSystems(openTable);
  }

  close(): void {
    this.fileSystems.close();
  }

  /** Opens the branch's directory. Throws UnionError with the reason where that cannot be. */
  open(spec: BranchSpec, index: number, unionReadonly: boolean): Branch {
    const root = openBranch(encodePath(spec.path), this.frozen);
    if (root < 0) throw new UnionError(whyNotABranch(spec.path, -root));
    const st = new Stat();
    const failed = fstat(root, st);
    if (failed < 0 || (st.mode & S.IFMT) !== S.IFDIR) {
      close(root);
      throw new UnionError(whyNotABranch(spec.path, failed < 0 ? -failed : E.ENOTDIR));
    }
    const home = this.fileSystems.of(st.devMajor, st.devMinor);
    // AUFS and tsaufs let nobody speak of such a name.
    const isUnion = statat(root, `${WHITEOUT_PREFIX}${WHITEOUT_PREFIX}aufs`, st) === -E.EPERM;
    return new Branch(this.nextId++, spec.path, root, home, this.fileSystems, spec, index, unionReadonly, isUnion);
  }
}

/**
 * As root on a private copy of the mount, as overlayfs does: then the union's own mount, or another one, may lie over
 * the branch without our walking into it, what is mounted below the branch is not part of it (aufs(5)), and the
 * branch's file system can be unmounted where it was, at once after the union.
 */
function openBranch(path: string, frozen: boolean): number {
  const cloned = cloneMount(path);
  // An ordinary user, or a mount that may not be copied.
  if (cloned < 0) return openat(AT_FDCWD, path, O.PATH | O.DIRECTORY, 0);
  // A second guard against links and devices that somebody puts where we expect a file; the first is O_NOFOLLOW.
  if (!frozen || freezeMount(cloned) < 0) restrictMount(cloned);
  return cloned;
}

function whyNotABranch(path: string, errno: number): string {
  switch (errno) {
    case E.ENOENT:
      return `branch ${path} does not exist; make the directory first`;
    case E.ENOTDIR:
      return `branch ${path} is not a directory`;
    case E.EACCES:
      return `branch ${path} cannot be opened: permission denied`;
    default:
      return `branch ${path} cannot be opened: ${errnoName(errno)}`;
  }
}

/** What aufs(5) warns of when a branch is added (warn_perm): another owner or mode than the first branch; or null. */
export function permissionWarning(first: Branch, added: Branch): string | null {
  const one = new Stat();
  const other = new Stat();
  if (first === added || fstat(first.root, one) < 0 || fstat(added.root, other) < 0) return null;
  if (one.uid === other.uid && one.gid === other.gid && (one.mode & 0o7777) === (other.mode & 0o7777)) return null;
  return `branch ${added.path} has another owner or mode than ${first.path}; nowarn_perm stops this warning`;
}

/**
 * AUFS refuses a branch that is another branch, its ancestor or its descendant
 * (aufs(5): "overlapped"). Paths are compared as resolved by the kernel.
 */
export function overlapError(paths: readonly string[], added: string): string | null {
  for (const path of paths) {
    if (path === added) return `branch ${added} is given twice`;
    if (added.startsWith(path === '/' ? '/' : `${path}/`)) return `branch ${added} lies inside branch ${path}`;
    if (path.startsWith(added === '/' ? '/' : `${added}/`)) return `branch ${path} lies inside branch ${added}`;
  }
  return null;
}
