import type { User } from './command.js';

/** Where a union of one measurement is mounted. All names are relative to `directory`, which keeps them short. */
export interface Place {
  readonly directory: string;
  /** From the top down, read-only. */
  readonly lowers: readonly string[];
  readonly upper: 'upper';
  readonly work: 'work';
  readonly mountpoint: 'mountpoint';
  readonly user: User | undefined;
}
