// Questions to whoever serves a mount, a thread or a process, and their answers: both adapters ask in the same words.

/** A question, as both adapters' messages have it. */
export interface Call {
  kind: 'call';
  id: number;
  name: string;
  argument: unknown;
}

export interface Answer {
  kind: 'answer';
  id: number;
  value?: unknown;
  error?: string;
}

/** The questions that wait for an answer. */
export class Calls {
  private last = 0;
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

  /** Asks by `tell`. Rejects with the error of the answer, or that of `abandon`. */
  ask(name: string, argument: unknown, tell: (call: Call) => void): Promise<unknown> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      tell({ kind: 'call', id, name, argument });
    });
  }

  settle({ id, value, error }: Answer): void {
    const call = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  }

  /** Nobody is left to answer. */
  abandon(reason: Error): void {
    for (const { reject } of this.waiting.values()) reject(reason);
    this.waiting.clear();
  }
}

/** The answer to a question, which `work` finds. */
export function answerTo({ id, name, argument }: Call, work: (name: string, argument: unknown) => unknown): Answer {
  try {
    return { kind: 'answer', id, value: work(name, argument) };
  } catch (error) {
    return { kind: 'answer', id, error: error instanceof Error ? error.message : String(error) };
  }
}
