// Helpers whose work is done when the test says so, on the test's own thread.
import { sys6 } from '../../src/posix/syscall.js';
import { E, Errno } from '../../src/posix/errno.js';
import { copyContent } from '../../src/union/copy-data.js';
import { type Copying, type Helpers, type HelperTask, Suspended, type Work } from '../../src/union/suspended.js';
import type { TestUnion } from './helpers.js';

interface Task {
  kind: HelperTask;
  perform: () => number;
  done: (result: number) => void;
}

export class FakeHelpers implements Helpers {
  readonly tasks: Task[] = [];
  /** What was done, in its order. */
  readonly log: string[] = [];
  /** In place of the next result. */
  failWith = 0;

  copy(from: number, to: number, size: number, _afar: boolean, done: (result: number) => void): Copying {
    let stopped = false;
    this.log.push(`copy ${String(size)}`);
    this.tasks.push({ kind: 'copy', done, perform: () => stopped ? -E.ECANCELED : copyContent(from, to, size) });
    const note = (what: string) => () => void this.log.push(what);
    return { stop: () => void (stopped = true, this.log.push('stop')), abandon: note('abandon'), wanted: () => undefined };
  }

  call(kind: HelperTask, nr: number, args: readonly number[], done: (result: number) => void): void {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
    this.tasks.push({ kind, done, perform: () => sys6(nr, a, b, c, d, e, f) });
  }

  /** Does all there is to do. */
  work(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) {
      const result = this.failWith === 0 ? attempt(task.perform) : -this.failWith;
      this.failWith = 0;
      task.done(result);
    }
  }
}

function attempt(perform: () => number): number {
  try {
    return perform();
  } catch (error) {
    if (error instanceof Errno) return -error.errno;
    throw error;
  }
}

/** A request as the loop treats it: suspended, it is made anew in its time. */
export class Request {
  work: Work | null = null;
  /** The name of the errno it was answered with, 'success', or null while it waits. */
  answer: string | null = null;
  private due = false;
  private readonly again = () => void (this.due = true);

  constructor(private readonly t: TestUnion, private readonly operation: () => unknown) {
    this.make();
  }

  private make(): void {
    const { t } = this;
    t.union.resumed = this.work;
    this.work = null;
    try {
      this.operation();
      this.answer = 'success';
    } catch (error) {
      if (error instanceof Suspended) {
        this.work = error.work;
        error.work.wait(this.again);
      } else if (error instanceof Errno) this.answer = error.code;
      else throw error;
    } finally {
      t.union.resumed = null;
    }
  }

  /** Makes those anew whose time has come. */
  static resume(t: TestUnion, ...requests: Request[]): (string | null)[] {
    for (const one of requests) {
      if (!one.due) continue;
      one.due = false;
      one.make();
    }
    t.union.allResumed();
    return requests.map(({ answer }) => answer);
  }

  /** A signal for the caller; whether the request then ends. */
  interrupt(dying = false): boolean {
    const ends = this.work!.interrupt(this.again, dying);
    if (ends) this.answer = 'EINTR';
    return ends;
  }
}
