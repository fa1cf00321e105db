/**
 * What a union is made of and how it behaves: plain data that can be cloned into a worker thread. The text
 * form of it, as aufs(5) writes it, is parsed and printed in src/options.
 */

/** Whether the union writes to a branch: `rr` is a read-only file system below, where nothing changes. */
export type Permission = 'rw' | 'ro' | 'rr';

/** Whose extended attributes a copy-up may fail to carry without failing itself (aufs(5), `icex`). */
export type IcexClass = 'sec' | 'sys' | 'tr' | 'usr' | 'oth';

/** One branch, `path=perm+attr+attr` in aufs(5). */
export interface BranchSpec {
  /** Absolute. */
  path: string;
  perm: Permission;
  /** A read-only branch whose whiteouts count. */
  wh: boolean;
  /** A writable branch on which whiteouts are not hard links of `.wh..wh.aufs`. */
  nolwh: boolean;
  unpin: boolean;
  /** Copy-up on open: of no file, of regular files, or of regular files and directories. */
  coo: 'none' | 'reg' | 'all';
  /** Move up on open. */
  moo: boolean;
  fhsm: boolean;
  icex: readonly IcexClass[];
}

/** Owners from `onBranch` on, `count` of them, are shown as `shown` and on. */
export interface IdMapping {
  onBranch: number;
  shown: number;
  count: number;
}

/** Which of several writable branches a new file goes to; seconds between looks at the free space, low water in bytes. */
export type CreatePolicy =
  | { name: 'tdp' }
  | { name: 'rr' }
  | { name: 'mfs' | 'pmfs'; seconds: number }
  | { name: 'mfsrr' | 'pmfsrr' | 'tdmfs'; low: number; seconds: number };

export interface UnionOptions {
  /** From the top down. */
  branches: BranchSpec[];
  /** The mount as a whole is read-only, whatever its branches are. */
  readonly: boolean;
  create: CreatePolicy;
  copyup: 'tdp' | 'bup' | 'bu';
  plink: boolean;
  udba: 'none' | 'reval' | 'notify';
  /** When a new directory is made opaque: `w`here a whiteout was, or `a`lways. */
  diropq: 'w' | 'a';
  /** A directory with more whiteouts than this is renamed away before it is removed. */
  dirwh: number;
  dirperm1: boolean;
  warnPerm: boolean;
  shwh: boolean;
  /** Whether statfs(2) adds up the branches, plainly or weighted by their block sizes. */
  sum: 'none' | 'sum' | 'wsum';
  dirren: boolean;
  /**
   * A directory that a lower branch has cannot be renamed (EXDEV), as in overlayfs without redirect_dir; else in AUFS's
   * way, where it is empty there. With dirren it means nothing.
   */
  lowerDirsStay: boolean;
  /** Whiteouts and opaque marks of overlayfs count beside AUFS's: devices 0:0 and xattrs, see overlay-marks.ts. */
  overlayMarks: boolean;
  /** Owners that are shown as others, see owners.ts; empty: as they are. */
  uidMapping: readonly IdMapping[];
  gidMapping: readonly IdMapping[];
  /** The one owner that everything is shown to have. */
  squashUid: number | null;
  squashGid: number | null;
  /** Nothing is synchronised with the disk: after a crash the writable branches are lost. */
  volatile: boolean;
  /** Path of the external inode number file; null for `noxino`, undefined for the default place. */
  xino: string | null | undefined;
  truncXib: boolean;
  truncXino: boolean;
  /** Said for the record: the branches' ACLs count in any case. */
  acl: boolean;
  dio: boolean;
  /** Which files the kernel reads and writes itself: none, those that stay on their branch, or all, which then miss a copy-up. */
  passthrough: 'none' | 'own' | 'all';
  verbose: boolean;
}

/** The defaults of aufs(5), with no branch yet. */
export function defaultUnionOptions(): UnionOptions {
  return {
    branches: [],
    readonly: false,
    create: { name: 'tdp' },
    copyup: 'tdp',
    plink: true,
    udba: 'reval',
    diropq: 'w',
    dirwh: 3,
    dirperm1: false,
    warnPerm: true,
    shwh: false,
    sum: 'none',
    dirren: false,
    lowerDirsStay: false,
    overlayMarks: false,
    uidMapping: [],
    gidMapping: [],
    squashUid: null,
    squashGid: null,
    volatile: false,
    xino: undefined,
    truncXib: false,
    truncXino: false,
    acl: false,
    dio: false,
    passthrough: 'own',
    verbose: false,
  };
}
