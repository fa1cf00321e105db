import type { Place } from '../place.js';

/** A union file system, or what stands in for one. */
export interface Contender {
  /** For --peers and JSON. */
  readonly id: string;
  /** In the chart. */
  readonly color: string;
  readonly debian?: string;
  /** Undefined: not installed, or not of use to this user. */
  version(): Promise<string | undefined>;
  /** Resolves when the mount point can be used. */
  mount(place: Place): Promise<void>;
  /** Resolves when nothing of the mount is left but what lies on the branches. */
  unmount(place: Place): Promise<void>;
}
