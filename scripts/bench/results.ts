import type { Machine } from './machine.js';

export interface Results {
  readonly machine: Machine;
  readonly rounds: number;
  /** Whether the mounts had served some requests before. */
  readonly warmUp: boolean;
  /** In the order of the tables. */
  readonly contenders: readonly string[];
  readonly workloads: readonly { readonly id: string; readonly title: string }[];
  /** One for each round. */
  readonly seconds: ByWorkload<number[]>;
  /** The reasons. */
  readonly failures: ByWorkload<string>;
}

/** By workload and contender. */
export type ByWorkload<Value> = Record<string, Record<string, Value | undefined> | undefined>;
