/**
 * The thread that writes notifications. The kernel may wait, inside the write, for a directory's lock whose holder waits
 * for the answer to a request: so it cannot be the thread that answers, and the main thread may be busy with anything.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { must } from '../../posix/errno.js';
import { EFD, eventfd, eventfdAdd } from '../../posix/event.js';
import { close, dup } from '../../posix/file.js';
import type { Invalidation } from './notification.js';

/** What the thread that wants notifications written gets: cloned, its port transferred. */
export interface NotifierEnd {
  readonly port: MessagePort;
  /** An eventfd that wakes the writing thread. */
  readonly signal: number;
  /** Two words, see {@link STOP} and {@link READY}. */
  readonly state: Int32Array;
}

/** Words of the state: not 0 when the thread shall end, and when it has begun. */
export const STOP = 0;
export const READY = 1;

/** What the writing thread is started with. */
export interface NotifierStart extends NotifierEnd {
  /** /dev/fuse. */
  readonly fd: number;
}

/** Whether notifications are written as they come: the thread takes as long to begin as Node.js. */
export function isReady(end: NotifierEnd): boolean {
  return Atomics.load(end.state, READY) !== 0;
}

/** Has a notification written, soon. */
export function notify(end: NotifierEnd, what: Invalidation): void {
  end.port.postMessage(what);
  eventfdAdd(end.signal);
}

export class NotifierThread {
  /** For the thread that wants notifications written. */
  readonly end: NotifierEnd;
  private readonly state = new Int32Array(new SharedArrayBuffer(8));
  private readonly signal: number;
  private readonly device: number;
  private readonly ended: Promise<void>;

  /** `device` is /dev/fuse of the mount; it stays the caller's. `onError` hears why the thread could not go on. */
  constructor(device: number, onError: (error: Error) => void) {
    this.device = must(dup(device));
    this.signal = must(eventfd(0, EFD.NONBLOCK), 'eventfd');
    const { port1, port2 } = new MessageChannel();
    this.end = { port: port1, signal: this.signal, state: this.state };
    const start: NotifierStart = { port: port2, signal: this.signal, state: this.state, fd: this.device };
    const worker = new Worker(new URL('./notifier-main.js', import.meta.url), {
      name: 'tsaufs notifier',
      execArgv: [],
      workerData: start,
      transferList: [port2],
      // It holds next to nothing.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 16 },
    });
    worker.on('error', (error) => onError(error));
    this.ended = new Promise((resolve) => worker.on('exit', () => resolve()));
  }

  /** Ends the thread; what it still waits for in the kernel must be over, as it is when the mount is. */
  async close(): Promise<void> {
    Atomics.store(this.state, STOP, 1);
    eventfdAdd(this.signal);
    await this.ended;
    this.end.port.close();
    close(this.device);
    close(this.signal);
  }
}
