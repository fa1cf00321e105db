import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { geteuid } from '../../posix/credentials.js';
import { must } from '../../posix/errno.js';
import { EFD, eventfd, eventfdAdd } from '../../posix/event.js';
import { close } from '../../posix/file.js';
import {
  type Adapter, type BranchInfo, type Command, ProtocolError, type Session, type SessionEnd, type SessionRequest,
} from '../adapter.js';
import { Calls } from '../calls.js';
import type { UnionEvent } from '../../union/events.js';
import type { UnionOptions } from '../../union/options.js';
import { lostEvents } from '../told-event.js';
import { EventQueue } from './event-queue.js';
import type { InitWishes } from './init.js';
import type { FromWorker, ToWorker, WorkerStart } from './messages.js';
import { checkMountpoint, type Mounted, mountFuse, unmountFuse } from './mount.js';
import { Notifier } from './notification.js';
import { NotifierThread } from './notifier-thread.js';
import { raiseReadahead } from './readahead.js';

/** The largest WRITE and READ: the most the kernel allows (256 pages). */
const MAX_TRANSFER = 1024 * 1024;
/** Milliseconds without more being let go of. */
const COLLECT_AFTER = 2000;

/**
 * An adapter that speaks the FUSE protocol itself: a worker thread serves /dev/fuse, this thread mounts and
 * unmounts. `workerUrl` is the worker's main module; tests put their own file system there.
 */
export function makeKernelAdapter(workerUrl: URL): Adapter {
  return {
    name: 'kernel',
    async start(request) {
      checkMountpoint(request.mountpoint);
      const session = new KernelSession(request, workerUrl);
      await session.start();
      return session;
    },
  };
}

/** The adapter for a Union. */
export const kernelAdapter: Adapter = makeKernelAdapter(new URL('./worker-main.js', import.meta.url));

class KernelSession implements Session {
  branches: readonly BranchInfo[] = [];
  readonly ended: Promise<SessionEnd>;

  private readonly port: MessagePort;
  /** Resolves when the worker's end of the port is closed and its last message delivered. */
  private readonly portClosed: Promise<void>;
  private readonly control: number;
  private readonly events = new EventQueue();
  private mounted: Mounted | null = null;
  private notifier: Notifier | null = null;
  /** Where branches are watched for direct changes. */
  private notifying: NotifierThread | null = null;
  private over: SessionEnd | null = null;
  private collection: NodeJS.Timeout | undefined;
  private resolveEnded!: (end: SessionEnd) => void;

  private readonly calls = new Calls();
  /** Who waits for the worker to come to a stage of its start. */
  private readonly stages = new Map<'built' | 'ready', () => void>();
  private lastWords: SessionEnd | null = null;
  /** It ended because of this kernel's protocol. */
  private unspeakable = false;

  constructor(
    private readonly request: SessionRequest,
    workerUrl: URL,
  ) {
    this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
    this.control = must(eventfd(0, EFD.NONBLOCK), 'eventfd');
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.portClosed = new Promise((resolve) => port1.on('close', () => resolve()));
    this.port.on('message', (message: FromWorker) => this.hear(message));

    const start: WorkerStart = { union: request.union, wishes: wishes(request.union), control: this.control, events: this.events.shared };
    const worker = new Worker(workerUrl, {
      name: 'tsaufs',
      // None of the process's own, such as those that go with `node --eval`.
      execArgv: [],
      workerData: { port: port2, start },
      transferList: [port2],
    });
    worker.on('error', (error) => {
      this.lastWords ??= { reason: 'failed', error: error instanceof Error ? error.message : String(error) };
    });
    worker.on('exit', () => void this.end());
  }

  /** Brings the mount up. Rejects when it cannot, with everything taken down again. */
  async start(): Promise<void> {
    await this.stage('built');
    try {
      this.mounted = await mountFuse({
        mountpoint: this.request.mountpoint,
        source: this.request.source,
        flags: this.request.mount,
        maxRead: MAX_TRANSFER,
      });
    } catch (error) {
      this.tell({ kind: 'abandon' });
      await this.ended;
      throw error;
    }
    this.notifier = new Notifier(this.mounted.fd);
    const ready = this.stage('ready');
    if (this.request.union.udba !== 'none') {
      this.notifying = new NotifierThread(this.mounted.fd, (error) =>
        this.request.onLog('warn', `changes made directly on branches are seen late: ${error.message}`));
    }
    const end = this.notifying?.end;
    this.tell({ kind: 'serve', fd: this.mounted.fd, notifier: end ?? null }, end === undefined ? [] : [end.port]);
    await ready;
    if (geteuid() === 0) raiseReadahead(this.request.mountpoint);
  }

  /** Resolves when the worker has come so far; rejects when it ends instead, with everything closed. */
  private async stage(stage: 'built' | 'ready'): Promise<void> {
    const reached = new Promise<null>((resolve) => this.stages.set(stage, () => resolve(null)));
    const end = await Promise.race([reached, this.ended]);
    if (end !== null && this.unspeakable) throw new ProtocolError(end.error);
    if (end !== null) throw new Error(end.error ?? `${this.request.mountpoint} was unmounted while it was being mounted`);
  }

  setEvents(on: boolean, lookups = false): void {
    this.tell({ kind: 'events', on, lookups });
  }

  call(command: Command): Promise<unknown> {
    if (this.over !== null) return Promise.reject(new Error(`${this.request.mountpoint} is not mounted any more; mount it anew`));
    return this.calls.ask(command.name, command.argument, (call) => this.tell(call));
  }

  async unmount(how: { lazy: boolean }): Promise<void> {
    if (this.over !== null || this.mounted === null) return;
    await unmountFuse(this.mounted, how.lazy);
  }

  private tell(message: ToWorker, transfer: MessagePort[] = []): void {
    if (this.over !== null) return;
    this.port.postMessage(message, transfer);
    eventfdAdd(this.control);
  }

  private hear(message: FromWorker): void {
    switch (message.kind) {
      case 'built':
        this.branches = message.branches;
        this.stages.get('built')?.();
        break;
      case 'ready':
        this.request.onLog('debug', `the kernel speaks FUSE protocol 7.${message.minor} with us`);
        this.stages.get('ready')?.();
        break;
      case 'answer':
        this.calls.settle(message);
        break;
      case 'event':
        this.hearEvent(message.event);
        break;
      case 'log':
        this.request.onLog(message.level, message.message, message.fields);
        break;
      case 'freed':
        this.collectSoon();
        break;
      case 'invalidate':
        this.notifier?.send(message.what);
        break;
      case 'ended':
        if (message.error !== undefined) {
          this.lastWords = { reason: 'failed', error: message.error };
          this.unspeakable = message.protocol === true;
          this.request.onLog('debug', 'the worker failed', { stack: message.stack });
        } else {
          this.lastWords = { reason: 'unmounted' };
        }
        break;
    }
  }

  private hearEvent(event: UnionEvent): void {
    this.request.onEvent(event);
    const lost = this.events.leave();
    if (lost > 0) this.request.onEvent(lostEvents(lost));
  }

  /**
   * The engine collects when the heap grows, which may be never in a mount that is no longer busy. Once the forgetting
   * is over, since one collection then takes a few milliseconds.
   */
  private collectSoon(): void {
    clearTimeout(this.collection);
    this.collection = setTimeout(() => void this.call({ name: 'memory', argument: 'collect' }).catch(() => undefined), COLLECT_AFTER);
    this.collection.unref();
  }

  /** The worker is gone: takes down what is left of the mount, and says so. */
  private async end(): Promise<void> {
    // The worker's last messages may come after its exit.
    await this.portClosed;
    const end = this.lastWords ?? { reason: 'failed', error: 'the worker thread ended unexpectedly' };

    if (this.mounted !== null) {
      // With its last descriptor closed the connection is broken off and whoever waits in it gets an error.
      this.notifier = null;
      close(this.mounted.fd);
      if (end.reason === 'failed') await unmountFuse(this.mounted, true).catch(() => undefined);
      await this.notifying?.close();
    }
    close(this.control);
    this.over = end;
    clearTimeout(this.collection);
    this.calls.abandon(new Error(`${this.request.mountpoint} is not mounted any more; mount it anew`));
    this.resolveEnded(end);
  }
}

function wishes(union: UnionOptions): InitWishes {
  const root = geteuid() === 0;
  // Whatever `acl` says: as in AUFS, which asks the branch, nobody gets more than a file's ACL allows him.
  return { posixAcl: true, passthrough: root && union.passthrough !== 'none', maxWrite: MAX_TRANSFER };
}
