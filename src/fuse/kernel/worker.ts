import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { geteuid, keepCapabilities, umask, unshareFs } from '../../posix/credentials.js';
import { E } from '../../posix/errno.js';
import { eventfdTake, poll, POLL } from '../../posix/event.js';
import type { UnionEvent } from '../../union/events.js';
import type { UnionOptions } from '../../union/options.js';
import { type LogLevel, ProtocolError } from '../adapter.js';
import { HelperThreads } from './helpers.js';
import { asTold } from '../told-event.js';
import { Channel } from './channel.js';
import { EventQueue } from './event-queue.js';
import { Loop } from './loop.js';
import { memoryUse } from './memory-use.js';
import { answerTo } from '../calls.js';
import type { FromWorker, ToWorker, WorkerStart } from './messages.js';
import { type Invalidation, Notifier } from './notification.js';
import { isReady, type NotifierEnd, notify } from './notifier-thread.js';
import { Serving } from './serving.js';
import type { UnionOps } from './union-ops.js';

/** What a union may call back. Those to invalidate take effect soon, not at once. */
export interface UnionHooks {
  log(level: LogLevel, message: string, fields?: object): void;
  event(event: UnionEvent): void;
  invalidate(what: Invalidation): void;
  /** The same, for what was changed on a branch directly. */
  stale(what: Invalidation): void;
  /** Whether that is done at once by now. */
  tellsStale(): boolean;
  /** A directory's attributes are old, at once; its listing too, if so. */
  attributesChanged(node: number, listing: boolean): void;
  /** Much of the heap is garbage. */
  memoryFreed(): void;
  /** Every name must be looked up again, at once. */
  branchesChanged(): void;
  /** The same, whatever it costs. */
  allChanged(): void;
}

/**
 * A union as the worker serves it; `command` answers what Session.call asks beyond the adapter's own, `names` are those
 * the kernel knows.
 */
export type ServedUnion = UnionOps & {
  command?(name: string, argument: unknown): unknown;
  names?(): Iterable<{ parent: number; name: string }>;
};

export type MakeUnion = (options: UnionOptions, hooks: UnionHooks) => ServedUnion;

/**
 * The life of the worker thread that serves one mount: builds the union, waits for the device, serves it until
 * it is unmounted, closes the union. Everything in it is synchronous; it returns at the end.
 */
export function runWorker(port: MessagePort, start: WorkerStart, makeUnion: MakeUnion): void {
  const worker = new Worker(port, start);
  try {
    worker.run(makeUnion);
    worker.say({ kind: 'ended' });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const stack = error instanceof Error ? error.stack : undefined;
    const protocol = error instanceof ProtocolError ? { protocol: true as const } : {};
    worker.say({ kind: 'ended', error: text, ...(stack === undefined ? {} : { stack }), ...protocol });
  }
}

class Worker {
  private union: ServedUnion | null = null;
  private loop: Loop | null = null;
  private notifier: Notifier | null = null;
  /** What to do about the mount, once the main thread has said so. */
  private verdict: { fd: number } | 'abandon' | null = null;
  private notices: NotifierEnd | null = null;
  private readonly helpers: HelperThreads;
  private readonly events: EventQueue;

  constructor(
    private readonly port: MessagePort,
    private readonly start: WorkerStart,
  ) {
    this.events = new EventQueue(start.events);
    this.helpers = new HelperThreads(start.control, (level, message) => this.log(level, message));
  }

  say(message: FromWorker): void {
    this.port.postMessage(message);
  }

  run(makeUnion: MakeUnion): void {
    this.prepareThread();
    const union = makeUnion(this.start.union, {
      log: (level, message, fields) => this.log(level, message, fields),
      event: (event) => this.tellEvent(event),
      invalidate: (what) => this.say({ kind: 'invalidate', what }),
      stale: (what) => this.tell(what),
      // Without a thread of its own it is the main thread, which is there.
      tellsStale: () => this.notices === null || isReady(this.notices),
      // From this thread, against the rule: for attributes alone the kernel takes no lock that a request could hold.
      branchesChanged: () => this.forgetNames(),
      memoryFreed: () => this.say({ kind: 'freed' }),
      allChanged: () => this.raiseEpoch(),
      // Nor for the listing of a directory: nobody waits for an answer of ours with one of its pages locked.
      attributesChanged: (node, listing) => void this.notifier?.send({ kind: 'inode', node, offset: listing ? 0 : -1, length: 0 }),
    });
    this.union = union;
    try {
      this.say({ kind: 'built', branches: union.branches() });
      while (this.verdict === null) {
        poll([{ fd: this.start.control, events: POLL.IN }], -1);
        this.hear();
      }
      if (this.verdict !== 'abandon') this.serve(union, this.verdict.fd);
    } finally {
      union.close();
      this.helpers.close();
    }
  }

  /** Lets the union take on a caller's identity, and modes come out as it gives them. */
  private prepareThread(): void {
    // As an ordinary user there are no capabilities to keep: EPERM, and nothing lost.
    keepCapabilities();
    if (unshareFs() === 0) umask(0);
  }

  private serve(union: UnionOps, fd: number): void {
    const { control, wishes } = this.start;
    this.notifier = new Notifier(fd);
    const channel = new Channel(fd, control, wishes.maxWrite);
    const serving = new Serving(
      union,
      channel.requestBlock,
      channel.replyBlock,
      wishes,
      (level, message, fields) => this.log(level, message, fields),
      fd,
    );
    this.loop = new Loop(
      channel,
      serving,
      () => this.tick(union, channel),
      () => this.say({ kind: 'ready', minor: serving.negotiated?.minor ?? 0 }),
      () => this.helpers.collect(),
      () => this.helpers.work(),
    );
    if ('helpers' in union) union.helpers = this.helpers;
    channel.changes = union.changes ?? -1;
    this.loop.run();
  }

  private tick(union: UnionOps, channel: Channel): void {
    this.hear();
    this.helpers.collect();
    // Events of our own writes come in streams: they can wait, and become one.
    if (union.notice?.() === true) channel.rest();
    // A remount may begin or end to look for changes.
    channel.changes = union.changes ?? -1;
  }

  private tell(what: Invalidation): void {
    if (this.notices !== null) notify(this.notices, what);
    else this.say({ kind: 'invalidate', what });
  }

  /**
   * After a change of branches. The main thread writes these before it sees the answer to the command. As root names
   * are only expired, so that mounts on directories of the union stay; names known to be missing are dropped by the
   * daemon's remount (mount-flags.ts), which an ordinary user cannot do.
   */
  private forgetNames(): void {
    if (geteuid() === 0) this.expireNames();
    else this.raiseEpoch();
  }

  /** It takes no lock, but names of an old epoch are dropped with what is mounted on them. */
  private raiseEpoch(): void {
    if (this.notifier !== null && this.notifier.send({ kind: 'epoch' }) < 0) this.expireNames();
  }

  private expireNames(): void {
    for (const { parent, name } of this.union?.names?.() ?? []) {
      this.say({ kind: 'invalidate', what: { kind: 'entry', parent, name, expire: true } });
    }
  }

  private log(level: LogLevel, message: string, fields?: object): void {
    this.say({ kind: 'log', level, message, ...(fields === undefined ? {} : { fields }) });
  }

  /** Takes the messages that wait, if the main thread has ticked. */
  private hear(): void {
    if (eventfdTake(this.start.control) === -E.EAGAIN) return;
    for (;;) {
      const received = receiveMessageOnPort(this.port) as { message: ToWorker } | undefined;
      if (received === undefined) return;
      this.obey(received.message);
    }
  }

  private obey(message: ToWorker): void {
    switch (message.kind) {
      case 'serve':
        this.verdict = { fd: message.fd };
        this.notices = message.notifier;
        break;
      case 'abandon':
        this.verdict = 'abandon';
        break;
      case 'events':
        this.listen(message.on, message.lookups);
        break;
      case 'call':
        this.say(answerTo(message, (name, argument) => this.command(name, argument)));
        break;
    }
  }

  private listen(on: boolean, lookups: boolean): void {
    if (this.union === null) return;
    this.union.wantEvents = on;
    this.union.wantLookups = on && lookups;
  }

  private tellEvent(event: UnionEvent): void {
    if (this.events.enter()) this.say({ kind: 'event', event: asTold(event) });
  }

  private command(name: string, argument: unknown): unknown {
    if (name === 'branches') return this.union?.branches();
    if (name === 'stats') return this.loop?.stats();
    if (name === 'memory') return memoryUse(argument === 'collect');
    if (this.union?.command === undefined) throw new Error(`unknown command: ${name}`);
    return this.union.command(name, argument);
  }
}
