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
  /** Whether the union writes to it. */
  perm: Permission;
  /** A read-only branch whose whiteouts count. */
  wh: boolean;
  /** A writable branch on which whiteouts are not hard links of `.wh..wh.aufs`. */
  nolwh: boolean;
  /** Accepted, without effect: meaningless since Linux 3.18. */
  unpin: boolean;
  /** Copy-up on open: of no file, of regular files, or of regular files and directories. */
  coo: 'none' | 'reg' | 'all';
  /** Move up on open. */
  moo: boolean;
  /** Accepted, without effect. */
  fhsm: boolean;
  /** A copy-up goes on if it cannot copy extended attributes of these classes. */
  icex: readonly IcexClass[];
}

/** Owners from `onBranch` on, `count` of them, are shown as `shown` and on. */
export interface IdMapping {
  /** The first owner as the branches have it. */
  onBranch: number;
  /** What that one is shown as. */
  shown: number;
  /** How many. */
  count: number;
}

/** Which of several writable branches a new file goes to; seconds between looks at the free space, low water in bytes. */
export type CreatePolicy =
  | {
    /** The highest with the parent directory. */
    name: 'tdp';
  }
  | {
    /** Each in turn. */
    name: 'rr';
  }
  | {
    /** The one with most free space; `pmfs`: of those with the parent directory. */
    name: 'mfs' | 'pmfs';
    /** How long a look at the free space counts. */
    seconds: number;
  }
  | {
    /** `mfs` and `pmfs` down to `low`, then in turn; `tdp` down to `low`, then `mfs`. */
    name: 'mfsrr' | 'pmfsrr' | 'tdmfs';
    /** Bytes. */
    low: number;
    /** How long a look at the free space counts. */
    seconds: number;
  };

/** How a union behaves, and what it is made of; aufs(5) and docs/options.md tell more of each. */
export interface UnionOptions {
  /** From the top down. */
  branches: BranchSpec[];
  /** The mount as a whole is read-only, whatever its branches are. */
  readonly: boolean;
  /** Where new files go among several writable branches. */
  create: CreatePolicy;
  /** Where copies go: as `create` by `tdp`; to the nearest branch above that has the parent (`bup`); to the nearest above (`bu`). */
  copyup: 'tdp' | 'bup' | 'bu';
  /** Hard links hold across branches. */
  plink: boolean;
  /** Whether changes made directly on a branch are seen: through inotify, or possibly never (`none`). */
  udba: 'none' | 'reval' | 'notify';
  /** When a new directory is made opaque: `w`here a whiteout was, or `a`lways. */
  diropq: 'w' | 'a';
  /** A directory with more whiteouts than this is renamed away before it is removed. */
  dirwh: number;
  /** The highest branch that has a directory decides who may enter it, not all of them. */
  dirperm1: boolean;
  /** A line in the log for a branch whose owner or mode is not the first one's. */
  warnPerm: boolean;
  /** Whiteouts are shown as files; of a read-only union. */
  shwh: boolean;
  /** Whether statfs(2) adds up the branches, plainly or weighted by their block sizes. */
  sum: 'none' | 'sum' | 'wsum';
  /** Directories that have children on lower branches can be renamed. */
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
  /** The same of groups. */
  gidMapping: readonly IdMapping[];
  /** The one owner that everything is shown to have. */
  squashUid: number | null;
  /** The one group. */
  squashGid: number | null;
  /** Nothing is synchronised with the disk: after a crash the writable branches are lost. */
  volatile: boolean;
  /** Path of the external inode number file; null for `noxino`, undefined for the default place. */
  xino: string | null | undefined;
  /** Accepted, without effect. */
  truncXib: boolean;
  /** Accepted, without effect. */
  truncXino: boolean;
  /** Said for the record: the branches' ACLs count in any case. */
  acl: boolean;
  /** Files may be opened with O_DIRECT. */
  dio: boolean;
  /** Which files the kernel reads and writes itself: none, those that stay on their branch, or all, which then miss a copy-up. */
  passthrough: 'none' | 'own' | 'all';
  /** The log tells more. */
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
