/** One operation as the addon calls it: what it is given, and what it wants back besides a result. */
import type { Thread } from './addon.js';
import type { NativeServing } from './serving.js';

/** What comes back from an operation besides its result. */
const NOTHING: readonly unknown[] = [];

export interface Operation {
  /** The result: 0 or a count, or -errno; may throw Errno or Suspended. */
  run(serving: NativeServing, args: Arguments): number;
  /** What the addon wants with the result, also of a failure: it would wait for ever without. */
  more?(serving: NativeServing, args: Arguments): readonly unknown[];
}

/** What a handler is given after the thread and the operation's number. */
export class Arguments {
  constructor(readonly thread: Thread, private readonly given: readonly unknown[]) {}

  text(index: number): string {
    return this.given[index] as string;
  }

  number(index: number): number {
    return this.given[index] as number;
  }

  /** Two words, the lower first. */
  wide(index: number): number {
    return this.number(index) + (this.number(index + 1) | 0) * TWO_32;
  }

  buffer(index: number): Buffer {
    return this.given[index] as Buffer;
  }
}

/** Above the lower word of a number of two. */
export const TWO_32 = 2 ** 32;

/** Times in the addon's fuse_thread_locals_t, in milliseconds; the same on every 64-bit machine. */
const ThreadField = { atime: 104, mtime: 112 } as const;

/** The attributes that were asked for. */
export const attributes: Pick<Operation, 'more'> = { more: ({ statWords }) => [statWords] };
/** The descriptor that was opened; 0 stands for none. */
export const descriptor: Pick<Operation, 'more'> = { more: ({ opened }) => [opened] };
/** The addon must take its memory back from the buffer that it was lent as. */
export const lent = (index: number): Pick<Operation, 'more'> => ({ more: (_, args) => [args.buffer(index).buffer] });
/** The same where a value is put between that it passes over. */
export const lentSecond = (index: number): Pick<Operation, 'more'> => ({ more: (_, args) => [0, args.buffer(index).buffer] });

/** What an operation gives that answers nothing besides. */
export function moreOf(operation: Operation, serving: NativeServing, args: Arguments): readonly unknown[] {
  return operation.more?.(serving, args) ?? NOTHING;
}

/**
 * The addon passes the access time twice (its `utimens`); the modification time is still in its structure. Undefined: the
 * structure is not as it should be, since the access time is not where it must be.
 */
export function modificationTime(thread: Thread, atime: number): number | undefined {
  const at = (offset: number) => thread.readUInt32LE(offset) + thread.readInt32LE(offset + 4) * TWO_32;
  return thread.length >= ThreadField.mtime + 8 && at(ThreadField.atime) === atime ? at(ThreadField.mtime) : undefined;
}
