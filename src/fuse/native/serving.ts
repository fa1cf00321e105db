/**
 * Serves the requests that the addon's threads bring to the main thread, one at a time; those that have to wait for slow
 * work begin anew when it is done.
 */
import { E, Errno, errnoName } from '../../posix/errno.js';
import { Stat } from '../../posix/stat.js';
import { StatFs } from '../../posix/statfs.js';
import type { Node } from '../../union/node.js';
import { Suspended, type Work } from '../../union/suspended.js';
import type { Union } from '../../union/union.js';
import type { LogLevel } from '../adapter.js';
import type { SetAttr } from '../../union/attributes.js';
import { type Addon, type Handler, OPERATIONS, type OperationName, type Signal, type Thread } from './addon.js';
import { STAT_WORDS, STATVFS_WORDS } from './attributes.js';
import { Arguments, moreOf, type Operation } from './operation.js';
import { operations } from './operations.js';
import { Paths } from './paths.js';

/** A request in work. */
interface Task {
  readonly name: string;
  readonly operation: Operation;
  readonly args: Arguments;
  readonly signal: Signal;
  /** What it met when it was suspended. */
  held: readonly Node[];
}

/** How often one defect is logged, and how many are. */
const DEFECT_LOGGED = 10;
const DEFECTS_KNOWN = 100;

export class NativeServing {
  readonly paths: Paths;
  /** Scratch objects that the requests share: an answer is given before the next request comes. */
  readonly stat = new Stat();
  readonly statfs = new StatFs();
  readonly statWords = new Uint32Array(STAT_WORDS);
  readonly statfsWords = new Uint32Array(STATVFS_WORDS);
  readonly change: SetAttr = { valid: 0, mode: 0, uid: 0, gid: 0, size: 0, atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0 };
  link = '';
  opened = 0;
  names: string[] = [];
  entries: Uint32Array[] = [];

  private requests = 0;
  private waiting = 0;
  private readonly due: { task: Task; work: Work }[] = [];
  private readonly defects = new Map<string, number>();
  private readonly said = new Set<string>();

  /** `onWaiting` hears whether there are suspended requests. */
  constructor(
    readonly union: Union,
    private readonly log: (level: LogLevel, message: string, fields?: object) => void,
    private readonly onWaiting: (any: boolean) => void,
  ) {
    this.paths = new Paths(union);
    const { caller } = union;
    caller.uid = process.geteuid!();
    caller.gid = process.getegid!();
    caller.pid = process.pid;
    // The kernel has taken the caller's away already.
    caller.umask = 0;
  }

  stats(): { requests: number; suspended: number } {
    return { requests: this.requests, suspended: this.waiting };
  }

  /** Handlers by the addon's numbers, and which of them there are. `onReady` hears of the first request, INIT. */
  handlers(addon: Addon, onReady: () => void): { handlers: Handler[]; implemented: Uint32Array } {
    const handlers: Handler[] = [];
    const implemented = new Uint32Array(OPERATIONS.length + 1);
    for (const name of OPERATIONS) {
      const number = addon[`op_${name}`];
      const signal = addon[`fuse_native_signal_${name}`];
      const operation = operations[name];
      // Each has a place, so that the array has no holes; those not implemented are never called.
      handlers[number] = () => undefined;
      if (signal === undefined) continue;
      if (name === 'init') {
        handlers[number] = (thread: Thread) => {
          signal(thread, 0);
          onReady();
        };
      } else if (operation !== undefined) {
        handlers[number] = this.handler(name, operation, signal);
      } else {
        continue;
      }
      implemented[number] = 1;
    }
    return { handlers, implemented };
  }

  private handler(name: OperationName, operation: Operation, signal: Signal): Handler {
    return (thread: Thread, _number: number, ...given: readonly unknown[]) => {
      this.requests += 1;
      this.serve({ name, operation, args: new Arguments(thread, given), signal, held: [] });
    };
  }

  private serve(task: Task): void {
    const { operation, args, signal } = task;
    const { held } = task;
    let result: number;
    try {
      result = operation.run(this, args);
    } catch (error) {
      if (error instanceof Suspended) {
        this.suspend(task, error.work);
        this.paths.resume(held);
        return;
      }
      result = this.failed(task.name, error);
    }
    this.guard(() => {
      this.paths.done();
      this.paths.resume(held);
    });
    signal(args.thread, result, ...moreOf(operation, this, args));
  }

  private suspend(task: Task, work: Work): void {
    task.held = this.paths.suspend();
    if (this.waiting++ === 0) this.onWaiting(true);
    work.wait(() => this.due.push({ task, work }));
  }

  /** After helpers have handed out what they have done: serves those whose time has come. */
  resume(): void {
    if (this.due.length === 0) return;
    for (let next = this.due.shift(); next !== undefined; next = this.due.shift()) {
      this.waiting -= 1;
      this.union.resumed = next.work;
      this.serve(next.task);
      this.union.resumed = null;
    }
    this.guard(() => this.union.allResumed());
    if (this.waiting === 0) this.onWaiting(false);
  }

  private failed(name: string, error: unknown): number {
    if (error instanceof Errno) return -error.errno;
    this.unexpected(name, error);
    return -E.EIO;
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.unexpected('after a request', error);
    }
  }

  /** A defect of ours: the caller gets EIO, the log the stack; the same one is logged so often only. */
  private unexpected(operation: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const times = (this.defects.get(stack) ?? 0) + 1;
    if (times > DEFECT_LOGGED || this.defects.size > DEFECTS_KNOWN) return;
    this.defects.set(stack, times);
    this.log('error', `${operation} failed unexpectedly and was answered ${errnoName(E.EIO)}`, { stack });
  }

  /** A name that the addon cannot tell was left out of a listing; said once a directory. */
  hiddenName(directory: string): void {
    if (this.said.has(directory) || this.said.size > DEFECTS_KNOWN) return;
    this.said.add(directory);
    this.log('warn', `names in ${directory} that are not UTF-8 are not shown: the fuse-native adapter cannot tell them`);
  }
}
