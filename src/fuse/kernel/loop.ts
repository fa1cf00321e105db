import { ENDED, TICKED, type Channel } from './channel.js';
import { Dispatcher } from './dispatch.js';
import type { Serving } from './serving.js';
import { Suspended } from './suspended.js';

/** The device, as the loop uses it. */
export type Device = Pick<Channel, 'requestBlock' | 'receive' | 'send' | 'sleeps' | 'catches'>;

/** After so many requests the control descriptor is looked at even though requests keep coming. */
const REQUESTS_BETWEEN_TICKS = 64;

/**
 * The loop that serves a mount, synchronously and on one thread: request, operation, reply. Whoever may want
 * a word with it in between ticks the control descriptor; `onTick` then hears it.
 */
export class Loop {
  readonly dispatcher: Dispatcher;
  /** Copies of suspended requests whose time has come. */
  private readonly again: Buffer[] = [];
  /** Suspended requests not answered yet. */
  private suspended = 0;
  private ready: (() => void) | null;

  /** `onReady` is called once, when INIT has been answered. */
  constructor(
    private readonly channel: Device,
    private readonly serving: Serving,
    private readonly onTick: () => void,
    onReady: () => void,
  ) {
    this.dispatcher = new Dispatcher(serving);
    this.ready = onReady;
  }

  /** Serves until the file system is unmounted. Throws when the mount cannot be served. */
  run(): void {
    for (let served = 1; ; served += 1) {
      if (served % REQUESTS_BETWEEN_TICKS === 0) this.onTick();
      if (this.again.length > 0) {
        this.serve(this.restore());
        continue;
      }
      const length = this.channel.receive();
      if (length > 0) this.serve(length);
      else if (length === TICKED) this.onTick();
      else if (length === ENDED) return;
    }
  }

  /** Numbers about the loop, for people. */
  stats(): { requests: number; sleeps: number; catches: number; suspended: number } {
    return {
      requests: this.dispatcher.counts.reduce((sum, count) => sum + count, 0),
      sleeps: this.channel.sleeps,
      catches: this.channel.catches,
      suspended: this.suspended,
    };
  }

  private serve(length: number): void {
    let size: number;
    try {
      size = this.dispatcher.dispatch(length);
    } catch (error) {
      if (!(error instanceof Suspended)) throw error;
      this.suspend(error, length);
      return;
    }
    if (size > 0 && !this.channel.send(size)) this.serving.takeBack();
    this.serving.union.settled?.(size > 0 ? this.serving.reply.error : 0);
    if (this.ready !== null) this.afterInit();
  }

  private afterInit(): void {
    const { serving } = this;
    if (serving.refusal !== null) throw new Error(serving.refusal);
    if (serving.negotiated === null || this.ready === null) return;
    const ready = this.ready;
    this.ready = null;
    ready();
  }

  private suspend(suspended: Suspended, length: number): void {
    const copy = Buffer.from(this.channel.requestBlock.bytes.subarray(0, length));
    this.suspended += 1;
    let called = false;
    suspended.resume(() => {
      if (called) return;
      called = true;
      this.suspended -= 1;
      this.again.push(copy);
    });
  }

  /** Puts a suspended request back into the request block. */
  private restore(): number {
    const copy = this.again.shift();
    if (copy === undefined) return 0;
    copy.copy(this.channel.requestBlock.bytes);
    return copy.length;
  }
}
