/** What the session and the process that serves its mount say to each other. All of it is cloned. */
import type { Answer, Call } from '../calls.js';
import type { UnionEvent } from '../../union/events.js';
import type { UnionOptions } from '../../union/options.js';
import type { BranchInfo, LogLevel } from '../adapter.js';

/** The first message. */
export interface Start {
  readonly kind: 'start';
  /** Where the package lies. */
  readonly directory: string;
  readonly mountpoint: string;
  /** For libfuse, `-oallow_other,…`. */
  readonly options: string;
  readonly union: UnionOptions;
}

export type ToServer =
  | Start
  | { kind: 'events'; on: boolean; lookups: boolean }
  | Call
  /** The mount was taken away: see whether it is over. */
  | { kind: 'unmounted' };

export type FromServer =
  /** INIT has been answered. */
  | { kind: 'ready'; branches: BranchInfo[] }
  /** The mount is gone; the union is being closed. */
  | { kind: 'closing' }
  /** The last message; with an error, the file system was not just unmounted. */
  | { kind: 'ended'; error?: string }
  | Answer
  | { kind: 'event'; event: UnionEvent }
  | { kind: 'log'; level: LogLevel; message: string; fields?: object };
