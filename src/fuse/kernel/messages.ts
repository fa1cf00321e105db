/** What the main thread and the worker that serves a mount say to each other. All of it is cloned. */
import type { Answer, Call } from '../calls.js';
import type { UnionEvent } from '../../union/events.js';
import type { UnionOptions } from '../../union/options.js';
import type { BranchInfo, LogLevel } from '../adapter.js';
import type { InitWishes } from './init.js';
import type { Invalidation } from './notification.js';
import type { NotifierEnd } from './notifier-thread.js';

/** What a worker is started with. */
export interface WorkerStart {
  readonly union: UnionOptions;
  readonly wishes: InitWishes;
  /** An eventfd, not blocking: ticked after each message, since the worker's loop runs no event loop. */
  readonly control: number;
  /** See EventQueue. */
  readonly events: SharedArrayBuffer;
}

export type ToWorker =
  /** The file system is mounted: serve it from this descriptor, which stays the main thread's to close. With a notifier, invalidations go there. */
  | { kind: 'serve'; fd: number; notifier: NotifierEnd | null }
  /** It will not be: close the union and end. */
  | { kind: 'abandon' }
  | { kind: 'events'; on: boolean; lookups: boolean }
  | Call;

export type FromWorker =
  | { kind: 'built'; branches: BranchInfo[] }
  /** INIT has been answered. */
  | { kind: 'ready'; minor: number }
  /** The last message. Without an error, the file system was unmounted. `protocol`: that of this kernel is the reason. */
  | { kind: 'ended'; error?: string; stack?: string; protocol?: true }
  | Answer
  | { kind: 'event'; event: UnionEvent }
  | { kind: 'log'; level: LogLevel; message: string; fields?: object }
  /** The union has let go of much memory; asked for it (`memory`, 'collect'), the worker will collect it. */
  | { kind: 'freed' }
  | { kind: 'invalidate'; what: Invalidation };
