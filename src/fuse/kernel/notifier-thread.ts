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
}

/** What the writing thread is started with. */
export interface NotifierStart extends NotifierEnd {
  /** /dev/fuse. */
  readonly fd: number;
  /** Not 0: end. */
  readonly stop: Int32Array;
}

/** Has a notification written, soon. */
export function notify(end: NotifierEnd, what: Invalidation): void {
  end.port.postMessage(what);
  eventfdAdd(end.signal);
}

export class NotifierThread {
  /** For the thread that wants notifications written. */
  readonly end: NotifierEnd;
  private readonly stop = new Int32Array(new SharedArrayBuffer(4));
  private readonly signal: number;
  private readonly device: number;
  private readonly ended: Promise<void>;

  /** `device` is /dev/fuse of the mount; it stays the caller's. `onError` hears why the thread could not go on. */
  constructor(device: number, onError: (error: Error) => void) {
    this.device = must(dup(device));
    this.signal = must(eventfd(0, EFD.NONBLOCK), 'eventfd');
    const { port1, port2 } = new MessageChannel();
    this.end = { port: port1, signal: this.signal };
    const start: NotifierStart = { port: port2, signal: this.signal, fd: this.device, stop: this.stop };
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
    Atomics.store(this.stop, 0, 1);
    eventfdAdd(this.signal);
    await this.ended;
    this.end.port.close();
    close(this.device);
    close(this.signal);
  }
}
