import type { ParsedMount } from '../../options/mount.js';

/** What is mounted at a place: a union that answers, one whose process is gone, something else, or nothing. */
export type Mounted = 'union' | 'dead' | 'other' | 'nothing';

/** Mounts unions in processes of their own, which outlive whoever mounted them. */
export interface Mounter {
  mount(mountpoint: string, options: ParsedMount): Promise<void>;
  /** Also one that is dead or in use. Returns when the branches are as they stay, unless it is still in use. */
  unmount(mountpoint: string): Promise<void>;
  look(mountpoint: string): Promise<Mounted>;
  /** Makes pseudo-links real, so that a branch has every name of a file that was copied up. */
  settle(mountpoint: string): Promise<void>;
}
