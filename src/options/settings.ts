import type { UnionOptions } from '../union/options.js';
import type { WrittenBranch } from './branch.js';
import type { BranchChange } from './change.js';

/** The options of mount(2) and of FUSE itself, as distinct from AUFS's. */
export interface MountFlags {
  /** Nothing can be changed through the mount. */
  readonly: boolean;
  /** Set-user-id and set-group-id bits do nothing. */
  nosuid: boolean;
  /** Devices cannot be opened. */
  nodev: boolean;
  /** Programs cannot be run. */
  noexec: boolean;
  /** When times of access are updated; `default` is the kernel's. */
  atime: 'relatime' | 'noatime' | 'strictatime' | 'default';
  /** Not those of directories. */
  nodiratime: boolean;
  /** Writes return when they are on the disk. */
  sync: boolean;
  /** The same of changes of directories. */
  dirsync: boolean;
  /** Others than who mounted may use it; root's mounts always. A user needs `user_allow_other` in /etc/fuse.conf. */
  allowOther: boolean;
  /** The SELinux label of everything in the mount, mount(8); not looked at where SELinux is off. */
  context: string | undefined;
  /** Of the fuse-native adapter: new files belong to the one who mounted, whoever makes them. */
  ownNewFiles: boolean;
  /** The same: pages stay in the kernel's cache from one open to the next. */
  kernelCache: boolean;
  /** The same: for how many seconds the kernel keeps names, attributes, and that there is no such name; -1 leaves it to the adapter. */
  entryTimeout: number;
  /** See `entryTimeout`. */
  attrTimeout: number;
  /** See `entryTimeout`. */
  negativeTimeout: number;
  /** Shown as the source in /proc/mounts (`fsname=`). */
  source: string | undefined;
}

export function defaultMountFlags(): MountFlags {
  return {
    readonly: false,
    nosuid: false,
    nodev: false,
    noexec: false,
    atime: 'default',
    nodiratime: false,
    sync: false,
    dirsync: false,
    allowOther: false,
    context: undefined,
    ownNewFiles: false,
    kernelCache: false,
    entryTimeout: -1,
    attrTimeout: -1,
    negativeTimeout: -1,
    source: undefined,
  };
}

/** The options that only the fuse-native adapter has a use for, by their names in {@link MountFlags}. */
export const nativeFlags = {
  ownNewFiles: 'own_new_files',
  kernelCache: 'kernel_cache',
  entryTimeout: 'entry_timeout',
  attrTimeout: 'attr_timeout',
  negativeTimeout: 'negative_timeout',
} as const;

/**
 * What one option asks for. A mount folds the settings into its options in AUFS's order (simple ones, then
 * branches); a remount carries them out one by one, left to right.
 */
export type Setting =
  | { kind: 'branches'; branches: WrittenBranch[] }
  | { kind: 'change'; change: BranchChange }
  | { kind: 'union'; set: Partial<UnionOptions> }
  /** What a new union has unless an option after it says otherwise; nothing to a mounted one. */
  | { kind: 'default'; set: Partial<UnionOptions> }
  | { kind: 'mount'; set: Partial<MountFlags> }
  /** Done once, to a union that is mounted. */
  | { kind: 'action'; action: 'clean_plink' | 'list_plink' }
  | { kind: 'action'; action: 'trunc_xino'; branch: string | number }
  /** `remount` itself. */
  | { kind: 'remount' }
  /** Accepted, to be said once. */
  | { kind: 'note'; text: string };
