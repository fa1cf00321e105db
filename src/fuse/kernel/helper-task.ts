/** What the loop's thread and a helper thread share: one task at a time, in shared memory. */
import { E, Errno } from '../../posix/errno.js';
import { sys6 } from '../../posix/syscall.js';
import { ContentCopy } from '../../union/copy-data.js';

/** Words of `HelperStart.state`. */
export const WORD = {
  /** One of STATE. */
  STATE: 0,
  /** One of ORDER, for a copy that is under way. */
  ORDER: 1,
  /** Not 0: end, after the task if there is one. */
  END: 2,
} as const;

/** STARTING: it has no task, and is not yet ready for one. */
export const STATE = { IDLE: 0, BUSY: 1, DONE: 2, STARTING: 3 } as const;

/** ABANDONED: nobody waits any more, and unless that changes within {@link GRACE} the copy stops. */
export const ORDER = { GO: 0, STOP: 1, ABANDONED: 2 } as const;

/** Milliseconds that an abandoned copy goes on. A program that was interrupted and comes back at once finds the copy as far as it was. */
export const GRACE = 1000;

/** Numbers of `HelperStart.task`: a system call's number (or COPY), its result, its arguments. */
export const TASK = { NR: 0, RESULT: 1, ARGS: 2, LENGTH: 8 } as const;

/** In place of a system call's number; arguments: source, target, size, and where to begin. */
export const COPY = -1;

/** What a helper thread is started with. */
export interface HelperStart {
  readonly state: Int32Array;
  readonly task: Float64Array;
  /** The eventfd that wakes the loop. */
  readonly control: number;
}

/** Does a task of six arguments: the result, or -errno. `order` tells what is to become of a copy. */
export function perform(nr: number, args: ArrayLike<number>, order: () => number): number {
  return nr === COPY ? copy(args, order) : call(nr, args);
}

/** A signal to the process, which may come to this thread, is not the caller's. */
function call(nr: number, args: ArrayLike<number>): number {
  for (;;) {
    const result = sys6(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result !== -E.EINTR) return result;
  }
}

function copy(args: ArrayLike<number>, order: () => number): number {
  return outcome(() => {
    const content = new ContentCopy(args[0], args[1], args[2], args[3]);
    content.finish(stopper(order));
    return content.moved;
  });
}

/** What tells a copy to stop. */
export function stopper(order: () => number): () => boolean {
  let abandoned = 0;
  return () => {
    const now = order();
    if (now !== ORDER.ABANDONED) abandoned = 0;
    else if (abandoned === 0) abandoned = performance.now();
    return now === ORDER.STOP || (abandoned !== 0 && performance.now() - abandoned > GRACE);
  };
}

/** The result of work that throws Errno: -errno then. */
export function outcome(work: () => number): number {
  try {
    return work();
  } catch (error) {
    return error instanceof Errno ? -error.errno : -E.EIO;
  }
}
