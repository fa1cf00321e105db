import { E } from '../../posix/errno.js';
import { ProtocolError } from '../adapter.js';
import { ENDED, TICKED, type Channel } from './channel.js';
import { Dispatcher } from './dispatch.js';
import type { Serving } from './serving.js';
import { Suspended, type Work } from '../../union/suspended.js';
import { Suspensions } from './suspension.js';
import { PROTOCOL } from './wire.js';

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
  private readonly suspensions = new Suspensions();
  private ready: (() => void) | null;

  /** `onReady` is called once, when INIT has been answered. */
  constructor(
    private readonly channel: Device,
    private readonly serving: Serving,
    private readonly onTick: () => void,
    onReady: () => void,
    /** Hands out what helpers have done. */
    private readonly collect: () => void = () => undefined,
    /** Does a piece of work between two requests; false when there is none. */
    private readonly work: () => boolean = () => false,
  ) {
    this.dispatcher = new Dispatcher(serving);
    serving.onInterrupt = (low, high) => this.interrupt(low, high);
    this.ready = onReady;
  }

  /** Serves until the file system is unmounted. Throws when the mount cannot be served. */
  run(): void {
    for (let served = 1; ; served += 1) {
      if (served % REQUESTS_BETWEEN_TICKS === 0) this.tick();
      if (this.suspensions.size > 0) this.resume();
      const length = this.channel.receive(this.work());
      if (length > 0) this.serve(length);
      else if (length === TICKED) this.tick();
      else if (length === ENDED) return;
    }
  }

  private tick(): void {
    this.guard('between requests', this.onTick);
  }

  /** Numbers about the loop, for people. */
  stats(): { requests: number; sleeps: number; catches: number; suspended: number; protocol: string } {
    return {
      requests: this.dispatcher.counts.reduce((sum, count) => sum + count, 0),
      sleeps: this.channel.sleeps,
      catches: this.channel.catches,
      suspended: this.suspensions.size,
      protocol: `${PROTOCOL.MAJOR}.${this.serving.negotiated?.minor ?? 0}`,
    };
  }

  private serve(length: number): void {
    let size: number;
    try {
      size = this.dispatcher.dispatch(length);
    } catch (error) {
      if (!(error instanceof Suspended)) throw error;
      this.suspend(error.work, length);
      return;
    }
    const sent = size === 0 || this.channel.send(size);
    // As `guard`, without a closure for each request.
    try {
      if (!sent) this.serving.takeBack();
      this.serving.union.settled?.(size > 0 ? this.serving.reply.error : 0);
    } catch (error) {
      this.dispatcher.unexpected('after a reply', error);
    }
    if (this.ready !== null) this.afterInit();
  }

  /** What nobody waits for: a defect in it, or a branch that fails, must not end the mount. */
  private guard(when: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.dispatcher.unexpected(when, error);
    }
  }

  private afterInit(): void {
    const { serving } = this;
    if (serving.refusal !== null) throw new ProtocolError(serving.refusal);
    if (serving.negotiated === null || this.ready === null) return;
    const ready = this.ready;
    this.ready = null;
    ready();
  }

  private suspend(work: Work, length: number): void {
    const { serving } = this;
    const { request } = serving;
    this.suspensions.add(uniqueOf(request), request.pid, this.channel.requestBlock.bytes.subarray(0, length), work);
    // What it has changed so far, directories copied up, is nothing that the kernel need be told; and a notification
    // would wait for the lock of a directory that the caller holds until the copy is made.
    this.guard('after a request was suspended', () => serving.union.settled?.(0));
  }

  /** Serves the suspended requests whose time has come. */
  private resume(): void {
    const { suspensions } = this;
    const { union } = this.serving;
    this.collect();
    if (!suspensions.anyDue) return;
    for (let one = suspensions.next(); one !== undefined; one = suspensions.next()) {
      one.message.copy(this.channel.requestBlock.bytes);
      union.resumed = one.work;
      this.serve(one.message.length);
      union.resumed = null;
    }
    union.allResumed?.();
  }

  /** INTERRUPT: the caller has got a signal. Of a request that is answered already there is nothing to be done. */
  private interrupt(low: number, high: number): void {
    if (!this.suspensions.interrupt(low + high * TWO_32)) return;
    this.channel.send(this.serving.reply.header(0, -E.EINTR, low, high));
  }
}

const TWO_32 = 4294967296;

function uniqueOf(request: { uniqueLow: number; uniqueHigh: number }): number {
  return request.uniqueLow + request.uniqueHigh * TWO_32;
}
