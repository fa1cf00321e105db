// What takes long (the data of a large copy-up, fsync, a read that waits for a disk) is done by helpers beside the
// thread that serves the union. The request which needs it is suspended meanwhile, and then begins anew.

/** What a suspended request waits for. */
export interface Work {
  /** `again` is called once, on the union's own thread, when the request is to be made anew. */
  wait(again: () => void): void;
  /**
   * The request that waits with `again` was interrupted by a signal; `dying`: one that ends the process. True: it waits
   * no longer, and fails with EINTR. False: it cannot be interrupted.
   */
  interrupt(again: () => void, dying: boolean): boolean;
}

/** Thrown out of an operation that has changed nothing yet, or nothing that matters if it is made anew. */
export class Suspended extends Error {
  constructor(readonly work: Work) {
    super('suspended');
  }
}

/** What helpers are for: none of them keeps all helpers from the others. */
export type HelperTask = 'copy' | 'sync' | 'read' | 'write';

/** Helpers, as the union uses them. `done` is called on the union's own thread, between two requests. */
export interface Helpers {
  /**
   * Copies the first `size` bytes from one open file to another, which is empty; holes stay holes. The result is the
   * bytes of data moved, or -errno; ECANCELED when it was stopped. `afar`: one of the files is where it may be waited for
   * for ever.
   */
  copy(from: number, to: number, size: number, afar: boolean, done: (result: number) => void): Copying;
  /** Makes one system call. Memory that it uses must be kept until `done` hears its result, or -errno. */
  call(task: HelperTask, nr: number, args: readonly number[], done: (result: number) => void): void;
}

/** A copy under way. */
export interface Copying {
  /** Ends it soon. */
  stop(): void;
  /** Nobody waits for it: ends it unless it is wanted again within a second. */
  abandon(): void;
  wanted(): void;
}
