/**
 * Threads beside the loop's that make system calls which may take long. Descriptors and memory are the process's, so a
 * task is a few numbers in shared memory, and a helper is woken through it in some 10 µs; when it is done it ticks the
 * loop's control descriptor.
 */
import { Worker } from 'node:worker_threads';
import { E } from '../../posix/errno.js';
import { eventfdAdd } from '../../posix/event.js';
import type { Copying, Helpers, HelperTask } from '../../union/suspended.js';
import { COPY, type HelperStart, ORDER, perform, STATE, TASK, WORD } from './helper-task.js';

/** How many of each kind go on at a time; the others wait their turn. */
const AT_A_TIME: Readonly<Record<HelperTask, number>> = { copy: 2, sync: 2, read: 4, write: 2 };

/** How long the end waits for system calls that are under way, in milliseconds: a server that is gone may never answer. */
const PATIENCE = 10_000;

interface Task {
  readonly kind: HelperTask;
  readonly nr: number;
  /** Six. */
  readonly args: Float64Array;
  readonly done: (result: number) => void;
  order: number;
  thread: Thread | null;
}

interface Thread extends HelperStart {
  current: Task | null;
}

export class HelperThreads implements Helpers {
  private readonly threads: Thread[] = [];
  private waiting: Task[] = [];
  /** Of what was done on this thread. */
  private readonly results: { task: Task; result: number }[] = [];
  private readonly busy: Record<HelperTask, number> = { copy: 0, sync: 0, read: 0, write: 0 };

  /** `control` is an eventfd, ticked whenever there is something to `collect`. */
  constructor(
    private readonly control: number,
    private readonly log: (level: 'warn', message: string) => void,
  ) {}

  copy(from: number, to: number, size: number, done: (result: number) => void): Copying {
    const task = this.add('copy', COPY, [from, to, size], done);
    return {
      stop: () => this.order(task, ORDER.STOP),
      abandon: () => this.order(task, ORDER.ABANDONED),
      wanted: () => this.order(task, ORDER.GO),
    };
  }

  call(kind: HelperTask, nr: number, args: readonly number[], done: (result: number) => void): void {
    this.add(kind, nr, args, done);
  }

  /** Hands out the results there are; on the loop's thread, between requests. */
  collect(): void {
    for (const thread of this.threads) {
      const { current } = thread;
      if (current === null || Atomics.load(thread.state, WORD.STATE) !== STATE.DONE) continue;
      thread.current = null;
      this.busy[current.kind] -= 1;
      Atomics.store(thread.state, WORD.STATE, STATE.IDLE);
      current.done(thread.task[TASK.RESULT]);
    }
    for (const { task, result } of this.results.splice(0)) task.done(result);
    this.startWaiting();
  }

  /** Stops copies, waits for what cannot be stopped, and lets the threads go. Results are still handed out. */
  close(): void {
    for (const task of this.waiting.splice(0)) task.done(-E.ECANCELED);
    for (const { state, current } of this.threads) {
      if (current?.nr === COPY) Atomics.store(state, WORD.ORDER, ORDER.STOP);
      Atomics.store(state, WORD.END, 1);
      Atomics.notify(state, WORD.STATE);
    }
    const until = performance.now() + PATIENCE;
    for (const { state, current } of this.threads) {
      if (current !== null) Atomics.wait(state, WORD.STATE, STATE.BUSY, Math.max(0, until - performance.now()));
    }
    this.collect();
    if (this.threads.some(({ current }) => current !== null)) {
      this.log('warn', 'a system call on a branch does not come back; the process stays until it does');
    }
  }

  private add(kind: HelperTask, nr: number, args: readonly number[], done: (result: number) => void): Task {
    const six = new Float64Array(6);
    six.set(args);
    const task: Task = { kind, nr, args: six, done, order: ORDER.GO, thread: null };
    this.waiting.push(task);
    this.startWaiting();
    return task;
  }

  private order(task: Task, order: number): void {
    task.order = order;
    if (task.thread?.current === task) Atomics.store(task.thread.state, WORD.ORDER, order);
  }

  private startWaiting(): void {
    if (this.waiting.length === 0) return;
    const later: Task[] = [];
    for (const task of this.waiting) {
      if (this.busy[task.kind] < AT_A_TIME[task.kind]) this.begin(task);
      else later.push(task);
    }
    this.waiting = later;
  }

  private begin(task: Task): void {
    const thread = this.threads.find(({ current }) => current === null) ?? this.startThread();
    if (thread === null) return this.performHere(task);
    this.busy[task.kind] += 1;
    task.thread = thread;
    thread.current = task;
    thread.task[TASK.NR] = task.nr;
    thread.task.set(task.args, TASK.ARGS);
    Atomics.store(thread.state, WORD.ORDER, task.order);
    Atomics.store(thread.state, WORD.STATE, STATE.BUSY);
    Atomics.notify(thread.state, WORD.STATE);
  }

  private startThread(): Thread | null {
    const state = new Int32Array(new SharedArrayBuffer(16));
    const task = new Float64Array(new SharedArrayBuffer(TASK.LENGTH * 8));
    const start: HelperStart = { state, task, control: this.control };
    try {
      const worker = new Worker(new URL('./helper-main.js', import.meta.url), {
        name: 'tsaufs helper',
        execArgv: [],
        workerData: start,
        resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16 },
      });
      worker.unref();
    } catch (error) {
      this.log('warn', `no thread for slow work could be started, so it stops the others: ${(error as Error).message}`);
      return null;
    }
    const thread: Thread = { ...start, current: null };
    this.threads.push(thread);
    return thread;
  }

  /** No thread is to be had: then others wait. The result comes with `collect` all the same. */
  private performHere(task: Task): void {
    this.results.push({ task, result: perform(task.nr, task.args, () => ORDER.GO) });
    eventfdAdd(this.control);
  }
}
