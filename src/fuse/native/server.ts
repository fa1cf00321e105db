/** The life of the process that serves one mount: builds the union, mounts, serves, and ends when the mount is gone. */
import { readdirSync, readlinkSync } from 'node:fs';
import { must } from '../../posix/errno.js';
import { EFD, eventfd, eventfdTake, poll, POLL } from '../../posix/event.js';
import { close, dup } from '../../posix/file.js';
import type { UnionOptions } from '../../union/options.js';
import { Union } from '../../union/union.js';
import { HelperThreads } from '../kernel/helpers.js';
import type { UnionEvent } from '../../union/events.js';
import { MOST_EVENTS_WAITING, asTold, lostEvents } from '../told-event.js';
import { memoryUse } from '../kernel/memory-use.js';
import { unmountFuse } from '../kernel/mount.js';
import { loadAddon, type Thread } from './addon.js';
import { answerTo } from '../calls.js';
import type { FromServer, Start, ToServer } from './messages.js';
import { NativeServing } from './serving.js';

/** How often the end of the mount is looked for, in milliseconds: the addon does not tell it. */
const LOOK_EVERY = 100;
/** The same for what helpers have done, while somebody waits for it. */
const COLLECT_EVERY = 1;
/** How long a command that goes on is worked for before others are served, in milliseconds. */
const HELP_FOR = 10;

const DEVICE = '/dev/fuse';

export class Server {
  /** Of what the addon keeps without a reference of its own. */
  private readonly memory: Thread[] = [];
  private readonly control = must(eventfd(0, EFD.NONBLOCK), 'eventfd');
  private readonly helpers = new HelperThreads(this.control, (level, message) => this.say({ kind: 'log', level, message }));
  private readonly union: Union;
  private readonly serving: NativeServing;
  /** The connection: libfuse's descriptor, and ours of the same, which tells the end also after libfuse has closed its own. */
  private connection: { theirs: number; ours: number } | null = null;
  private looking: NodeJS.Timeout | undefined;
  private collecting = false;
  private closed = false;
  private eventsWaiting = 0;
  private eventsLost = 0;

  /** Tells the session how it goes. Undefined: it did not. */
  static start(start: Start): Server | undefined {
    try {
      const server = new Server(start);
      server.mount();
      return server;
    } catch (error) {
      end({ kind: 'ended', error: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  private constructor(private readonly request: Start) {
    this.union = new Union(request.union, {
      log: (level, message, fields) => this.say({ kind: 'log', level, message, ...(fields === undefined ? {} : { fields }) }),
      event: (event) => this.tellEvent(event),
    });
    this.serving = new NativeServing(
      this.union,
      (level, message, fields) => this.say({ kind: 'log', level, message, ...(fields === undefined ? {} : { fields }) }),
      (any) => this.collect(any),
    );
    this.serving.paths.showsWhiteouts = request.union.shwh;
    this.union.helpers = this.helpers;
  }

  private mount(): void {
    try {
      const addon = loadAddon(this.request.directory);
      const { handlers, implemented } = this.serving.handlers(addon, () => this.ready());
      const session = this.allocate(addon.sizeof_fuse_thread_t);
      const allocate = (size: number): Buffer => this.allocate(size);
      const { mountpoint, options } = this.request;
      addon.fuse_native_mount(mountpoint, options, session, this, allocate, handlers, implemented);
    } catch (error) {
      this.union.close();
      throw error;
    }
    const theirs = deviceDescriptor();
    this.connection = { theirs, ours: must(dup(theirs), DEVICE) };
    this.looking = setInterval(() => this.look(), LOOK_EVERY);
  }

  /** Not from a pool and not on the heap: threads of the addon write there. */
  private allocate(size: number): Buffer {
    const buffer = Buffer.from(new ArrayBuffer(size));
    this.memory.push(buffer);
    return buffer;
  }

  private ready(): void {
    this.say({ kind: 'ready', branches: this.union.branches() });
  }

  hear(message: ToServer): void {
    switch (message.kind) {
      case 'start':
        break;
      case 'events':
        this.union.wantEvents = message.on;
        this.union.wantLookups = message.on && message.lookups;
        break;
      case 'call':
        this.say(answerTo(message, (name, argument) => this.command(name, argument)));
        break;
      case 'unmounted':
        this.look();
        break;
    }
  }

  private tellEvent(event: UnionEvent): void {
    if (this.eventsWaiting >= MOST_EVENTS_WAITING) this.eventsLost++;
    else this.sendEvent(asTold(event));
  }

  private sendEvent(event: UnionEvent): void {
    if (!process.connected) return;
    this.eventsWaiting++;
    process.send!({ kind: 'event', event } satisfies FromServer, undefined, undefined, () => this.eventSent());
  }

  private eventSent(): void {
    this.eventsWaiting--;
    if (this.eventsLost === 0) return;
    const lost = lostEvents(this.eventsLost);
    this.eventsLost = 0;
    this.sendEvent(lost);
  }

  private command(name: string, argument: unknown): unknown {
    if (name === 'branches') return this.union.branches();
    if (name === 'stats') return this.serving.stats();
    if (name === 'memory') return memoryUse(argument === 'collect');
    // Asked again and again while helpers work for it, which nobody else may call upon.
    if (name === 'mvdown') this.helpALittle();
    const result = this.union.command(name, argument);
    if (name === 'set') this.serving.paths.showsWhiteouts = (argument as Partial<UnionOptions>).shwh ?? this.serving.paths.showsWhiteouts;
    return result;
  }

  private helpALittle(): void {
    const end = performance.now() + HELP_FOR;
    while (this.helpers.work() && performance.now() < end) continue;
    this.helpers.collect();
  }

  private collect(wanted: boolean): void {
    this.collecting = wanted;
    if (wanted) setImmediate(() => this.step());
  }

  /** Goes on with slow work, and with the requests that it is done for. */
  private step(): void {
    if (!this.collecting || this.closed) return;
    const worked = this.helpers.work();
    eventfdTake(this.control);
    this.helpers.collect();
    this.serving.resume();
    if (worked) setImmediate(() => this.step());
    else setTimeout(() => this.step(), COLLECT_EVERY);
  }

  // --- the end ----------------------------------------------------------------------------------

  /** Whether the mount is gone for good: nobody uses it any more, also of those who did when it was detached. */
  private look(): void {
    if (this.connection === null || this.closed) return;
    const ours = { fd: this.connection.ours, events: 0, revents: 0 };
    const gone = poll([ours], 0) > 0 && (ours.revents & POLL.ERR) !== 0;
    // Its threads have given up: nobody would ever be answered.
    if (gone || !isDevice(this.connection.theirs)) this.finish(gone ? undefined : 'libfuse stopped serving the mount');
  }

  private finish(error?: string): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.looking);
    this.say({ kind: 'closing' });
    // Who still waits for an answer gets an error.
    if (this.connection !== null) close(this.connection.ours);
    try {
      this.union.close();
      this.helpers.close();
    } catch (failure) {
      error ??= failure instanceof Error ? failure.message : String(failure);
    }
    end({ kind: 'ended', ...(error === undefined ? {} : { error }) });
  }

  /** Nobody is there to unmount it any more. */
  async giveUp(): Promise<void> {
    await unmountFuse({ mountpoint: this.request.mountpoint, by: process.geteuid!() === 0 ? 'mount' : 'fusermount' }, true)
      .catch(() => undefined);
    this.finish();
  }

  /** A defect of ours: the union is not to be trusted any more. */
  fail(error: Error): void {
    this.say({ kind: 'log', level: 'error', message: 'internal error', fields: { error: error.stack ?? error.message } });
    end({ kind: 'ended', error: error.message });
  }

  private say(message: FromServer): void {
    if (process.connected) process.send!(message);
  }
}

/** Says the last words, and ends without waiting for libfuse's threads, of which some may never end. */
function end(message: FromServer): void {
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  if (process.connected) process.send!(message, undefined, undefined, die);
  else die();
}

/** libfuse's descriptor of the mount: there is one in this process. */
function deviceDescriptor(): number {
  for (const name of readdirSync('/proc/self/fd')) if (isDevice(Number(name))) return Number(name);
  throw new Error(`libfuse has mounted, but has no descriptor of ${DEVICE}`);
}

function isDevice(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === DEVICE;
  } catch {
    return false;
  }
}
