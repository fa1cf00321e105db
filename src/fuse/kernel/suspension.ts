/** Requests that wait for work done elsewhere: a copy of each, and what it waits for. */
import { readFileSync } from 'node:fs';
import type { Work } from '../../union/suspended.js';

export interface Suspension {
  readonly message: Buffer;
  readonly work: Work;
}

export class Suspensions {
  /** By the request's unique number. */
  private readonly waiting = new Map<number, Suspension & { again: () => void; pid: number }>();
  /** Those whose time has come, in the order they were suspended. */
  private readonly due: Suspension[] = [];

  /** Requests not answered yet. */
  get size(): number {
    return this.waiting.size + this.due.length;
  }

  get anyDue(): boolean {
    return this.due.length > 0;
  }

  /** Keeps a request, whose message lies in memory that is about to be used again. */
  add(unique: number, pid: number, message: Buffer, work: Work): void {
    const again = () => {
      const suspension = this.waiting.get(unique);
      if (suspension?.again !== again) return;
      this.waiting.delete(unique);
      this.due.push(suspension);
    };
    this.waiting.set(unique, { message: Buffer.from(message), work, again, pid });
    work.wait(again);
  }

  next(): Suspension | undefined {
    return this.due.shift();
  }

  /** A request was interrupted: whether it waits no longer and is to be answered EINTR. */
  interrupt(unique: number): boolean {
    const suspension = this.waiting.get(unique);
    if (!suspension?.work.interrupt(suspension.again, isDying(suspension.pid))) return false;
    this.waiting.delete(unique);
    return true;
  }
}

const SIGKILL_BIT = 0x100n;

/** Whether a thread is being killed. The kernel turns every signal that just ends a process into SIGKILL for its threads. */
function isDying(tid: number): boolean {
  try {
    const status = readFileSync(`/proc/${tid}/status`, 'latin1');
    const pending = [...status.matchAll(/^S(?:ig|hd)Pnd:\s*([0-9a-f]+)/gm)];
    return pending.some(([, mask]) => (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n);
  } catch {
    return true;
  }
}
