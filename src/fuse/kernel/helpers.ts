/**
 * Threads beside the loop's that make system calls which may take long. Descriptors and memory are the process's, so a
 * task is a few numbers in shared memory, and a helper is woken through it in some 10 µs; when it is done it ticks the
 * loop's control descriptor.
 *
 * A thread takes 60 ms to start, in which 100 MB are copied: so a copy begins on the loop's thread, in pieces between
 * requests (`work`), and a thread that has come takes it over. What is copied by then needs none.
 */
import { Worker } from 'node:worker_threads';
import { E } from '../../posix/errno.js';
import { eventfdAdd } from '../../posix/event.js';
import type { Copying, Helpers, HelperTask } from '../../union/suspended.js';
import { ContentCopy } from '../../union/copy-data.js';
import { COPY, type HelperStart, ORDER, outcome, perform, STATE, stopper, TASK, WORD } from './helper-task.js';

/** How many of each kind go on at a time; the others wait their turn. */
const AT_A_TIME: Readonly<Record<HelperTask, number>> = { copy: 2, sync: 2, read: 4, write: 2 };

/** How long the end waits for system calls that are under way, in milliseconds: a server that is gone may never answer. */
const PATIENCE = 10_000;

/** How much is copied between two requests, in bytes: some 0.2 ms. */
const PIECE = 512 * 1024;
/** A copy that takes more milliseconds than this needs a thread, and so does one whose piece takes more than SLOW_PIECE. */
const SHORT = 20;
const SLOW_PIECE = 5;

/** Not 0. */
const ALL = 1;

interface Task {
  readonly kind: HelperTask;
  readonly nr: number;
  /** Six. */
  readonly args: Float64Array;
  readonly done: (result: number) => void;
  order: number;
  thread: Thread | null;
  /** A copy that may not be begun on the loop's thread. */
  readonly afar: boolean;
  /** Moved by another than the thread. */
  moved: number;
}

/** A copy on the loop's thread. */
interface Piecemeal {
  readonly task: Task;
  readonly content: ContentCopy;
  readonly stops: () => boolean;
  readonly begun: number;
  /** It waits for a thread. */
  waits: boolean;
}

interface Thread extends HelperStart {
  current: Task | null;
}

export class HelperThreads implements Helpers {
  private readonly threads: Thread[] = [];
  private waiting: Task[] = [];
  /** Of what was done on this thread. */
  private readonly results: { task: Task; result: number }[] = [];
  private piecemeal: Piecemeal[] = [];
  /** There was none to be had. */
  private noThreads = false;
  private readonly busy: Record<HelperTask, number> = { copy: 0, sync: 0, read: 0, write: 0 };

  /** `control` is an eventfd, ticked whenever there is something to `collect`. */
  constructor(
    private readonly control: number,
    private readonly log: (level: 'warn', message: string) => void,
  ) {}

  copy(from: number, to: number, size: number, afar: boolean, done: (result: number) => void): Copying {
    const task = this.add('copy', COPY, [from, to, size, 0], done, afar);
    return {
      stop: () => this.order(task, ORDER.STOP),
      abandon: () => this.order(task, ORDER.ABANDONED),
      wanted: () => this.order(task, ORDER.GO),
    };
  }

  call(kind: HelperTask, nr: number, args: readonly number[], done: (result: number) => void): void {
    this.add(kind, nr, args, done);
  }

  /** Copies a piece, between two requests. False: there is nothing to do, or all waits for threads. */
  work(): boolean {
    if (this.piecemeal.length === 0) return false;
    const one = this.piecemeal.find(({ waits }) => !waits);
    if (one === undefined) return false;
    // The others have their turn.
    this.piecemeal = [...this.piecemeal.filter((other) => other !== one), one];
    const { task, content } = one;
    const start = performance.now();
    const result = outcome(() => {
      if (one.stops()) return -E.ECANCELED;
      return content.piece(PIECE) ? ALL : 0;
    });
    if (result !== 0) {
      this.piecemeal.pop();
      this.busy.copy -= 1;
      task.done(result < 0 ? result : content.moved);
      this.startWaiting();
    } else this.findThread(one, performance.now() - start);
    return true;
  }

  /** For a copy that turns out to take long, or a branch that makes us wait. */
  private findThread(one: Piecemeal, took: number): void {
    if (this.noThreads || (took < SLOW_PIECE && performance.now() - one.begun < SHORT)) return;
    const free = this.threads.find(({ current }) => current === null) ?? this.startThread();
    if (free === null) return;
    one.waits = took >= SLOW_PIECE;
    this.handOver();
  }

  /** Copies begun here go on there where a thread is ready. */
  private handOver(): void {
    for (const one of [...this.piecemeal]) {
      const thread = this.threads.find(isReady);
      if (thread === undefined) return;
      this.piecemeal = this.piecemeal.filter((other) => other !== one);
      const { task, content } = one;
      task.args[3] = content.at;
      task.moved = content.moved;
      this.assign(task, thread);
    }
  }

  /** Hands out the results there are; on the loop's thread, between requests. */
  collect(): void {
    for (const thread of this.threads) {
      const { current } = thread;
      if (current === null || Atomics.load(thread.state, WORD.STATE) !== STATE.DONE) continue;
      thread.current = null;
      this.busy[current.kind] -= 1;
      Atomics.store(thread.state, WORD.STATE, STATE.IDLE);
      const result = thread.task[TASK.RESULT];
      current.done(result < 0 ? result : result + current.moved);
    }
    this.handOver();
    for (const { task, result } of this.results.splice(0)) task.done(result);
    this.startWaiting();
  }

  /** Stops copies, waits for what cannot be stopped, and lets the threads go. Results are still handed out. */
  close(): void {
    for (const task of this.waiting.splice(0)) task.done(-E.ECANCELED);
    for (const { task } of this.piecemeal.splice(0)) task.done(-E.ECANCELED);
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

  private add(kind: HelperTask, nr: number, args: readonly number[], done: (result: number) => void, afar = false): Task {
    const six = new Float64Array(6);
    six.set(args);
    const task: Task = { kind, nr, args: six, done, order: ORDER.GO, thread: null, afar, moved: 0 };
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
    const ready = this.threads.find(isReady);
    if (ready === undefined && task.nr === COPY && !task.afar) return this.beginHere(task);
    const thread = ready ?? this.threads.find(({ current }) => current === null) ?? this.startThread();
    if (thread === null) return this.performHere(task);
    this.busy[task.kind] += 1;
    this.assign(task, thread);
  }

  private beginHere(task: Task): void {
    this.busy.copy += 1;
    const content = new ContentCopy(task.args[0], task.args[1], task.args[2]);
    this.piecemeal.push({ task, content, stops: stopper(() => task.order), begun: performance.now(), waits: false });
  }

  private assign(task: Task, thread: Thread): void {
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
    state[WORD.STATE] = STATE.STARTING;
    try {
      const worker = new Worker(new URL('./helper-main.js', import.meta.url), {
        name: 'tsaufs helper',
        execArgv: [],
        workerData: start,
        resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16 },
      });
      worker.unref();
    } catch (error) {
      this.log('warn', `no thread for slow work could be started, so it may stop the others: ${(error as Error).message}`);
      this.noThreads = true;
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

function isReady({ current, state }: Thread): boolean {
  return current === null && Atomics.load(state, WORD.STATE) === STATE.IDLE;
}
