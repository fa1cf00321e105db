/**
 * The second adapter: libfuse 2 through the fuse-native package. A process beside this one serves the mount, so that this
 * one is never stopped by the union's work, can use the mount itself, and is rid of libfuse by ending that process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { geteuid } from '../../posix/credentials.js';
import type { Adapter, BranchInfo, Command, Session, SessionEnd, SessionRequest } from '../adapter.js';
import { Calls } from '../calls.js';
import { checkMountpoint, unmountFuse } from '../kernel/mount.js';
import { raiseReadahead } from '../kernel/readahead.js';
import { findPackage, HOW_TO_INSTALL } from './addon.js';
import type { FromServer, ToServer } from './messages.js';
import { nativeOptions } from './options.js';

/** How long the serving process may take to notice that it is unmounted, in milliseconds; then it hangs, and is ended. */
const PATIENCE = 10_000;
/** How much of what libfuse says is kept for an error message. */
const WORDS = 2000;

/** @param patience milliseconds; tests have less */
export function makeNativeAdapter(serverUrl: URL, patience = PATIENCE): Adapter {
  return {
    name: 'fuse-native',
    async start(request) {
      const directory = findPackage();
      if (directory === undefined) throw new Error(`the adapter fuse-native needs the package fuse-native: ${HOW_TO_INSTALL}`);
      checkMountpoint(request.mountpoint);
      const { mountpoint, source, union, mount } = request;
      const options = nativeOptions(mountpoint, source, union, mount, geteuid() === 0);
      for (const warning of options.warnings) request.onLog('warn', warning);
      const session = new NativeSession(request, serverUrl, patience);
      await session.start({ kind: 'start', directory, mountpoint, options: options.text, union });
      return session;
    },
  };
}

export const nativeAdapter: Adapter = makeNativeAdapter(new URL('./server-main.js', import.meta.url));

class NativeSession implements Session {
  branches: readonly BranchInfo[] = [];
  readonly ended: Promise<SessionEnd>;

  private readonly server: ChildProcess;
  private readonly by = geteuid() === 0 ? 'mount' : 'fusermount';
  private over: SessionEnd | null = null;
  /** Whether something is mounted that has to go when the process fails. */
  private mounted = false;
  private closing = false;
  private lastWords: SessionEnd | null = null;
  /** The end of what the process has written to its standard error. */
  private said = '';
  private resolveEnded!: (end: SessionEnd) => void;
  private onReady: (() => void) | null = null;
  private readonly calls = new Calls();

  constructor(private readonly request: SessionRequest, serverUrl: URL, private readonly patience: number) {
    this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
    this.server = fork(serverUrl, [], {
      cwd: '/',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    this.server.on('message', (message) => this.hear(message as FromServer));
    this.server.stderr?.setEncoding('utf8').on('data', (text: string) => (this.said = (this.said + text).slice(-WORDS)));
    this.server.on('error', (error) => (this.lastWords ??= { reason: 'failed', error: `the serving process cannot be started: ${error.message}` }));
    // Not 'exit': what it has said last may not have come yet then.
    this.server.on('close', (status, signal) => void this.end(signal ?? `status ${status}`));
  }

  /** Brings the mount up. Rejects when it cannot, with everything taken down again. */
  async start(start: ToServer): Promise<void> {
    this.tell(start);
    const ready = new Promise<null>((resolve) => (this.onReady = () => resolve(null)));
    const end = await Promise.race([ready, this.ended]);
    if (end !== null) throw new Error(end.error ?? `${this.request.mountpoint} was unmounted while it was being mounted`);
    if (geteuid() === 0) raiseReadahead(this.request.mountpoint);
  }

  setEvents(on: boolean, lookups = false): void {
    this.tell({ kind: 'events', on, lookups });
  }

  call(command: Command): Promise<unknown> {
    if (this.over !== null) return Promise.reject(this.notMounted());
    return this.calls.ask(command.name, command.argument, (call) => this.tell(call));
  }

  async unmount(how: { lazy: boolean }): Promise<void> {
    if (this.over !== null) return;
    await unmountFuse({ mountpoint: this.request.mountpoint, by: this.by }, how.lazy);
    this.mounted = false;
    this.tell({ kind: 'unmounted' });
    if (!how.lazy) this.endSoon();
  }

  /** Nobody uses the mount any more: a process that does not notice hangs, and there is nothing left that it could do. */
  private endSoon(): void {
    const timer = setTimeout(() => {
      if (this.closing) return;
      this.lastWords ??= { reason: 'failed', error: 'the serving process hung when the mount was gone, and was killed' };
      this.server.kill('SIGKILL');
    }, this.patience);
    timer.unref();
    void this.ended.then(() => clearTimeout(timer));
  }

  private tell(message: ToServer): void {
    // One that is gone is heard of by its end.
    if (this.server.connected) this.server.send(message, () => undefined);
  }

  private hear(message: FromServer): void {
    switch (message.kind) {
      case 'ready':
        this.branches = message.branches;
        this.mounted = true;
        this.onReady?.();
        break;
      case 'closing':
        this.closing = true;
        break;
      case 'ended':
        this.lastWords ??= message.error === undefined
          ? { reason: 'unmounted' }
          : { reason: 'failed', error: message.error === LIBFUSE_FAILED ? this.why() : message.error };
        break;
      case 'answer':
        this.calls.settle(message);
        break;
      case 'event':
        this.request.onEvent(message.event);
        break;
      case 'log':
        this.request.onLog(message.level, message.message, message.fields);
        break;
    }
  }

  /** The process is gone: takes down what is left of the mount, and says so. */
  private async end(how: string): Promise<void> {
    const end = this.lastWords ?? { reason: 'failed', error: `the serving process ended unexpectedly (${how})${this.said === '' ? '' : `: ${this.why()}`}` };
    // Killed, it has left a mount that answers nobody.
    if (end.reason === 'failed' && this.mounted) {
      await unmountFuse({ mountpoint: this.request.mountpoint, by: this.by }, true).catch(() => undefined);
    }
    this.over = end;
    this.calls.abandon(this.notMounted());
    this.resolveEnded(end);
  }

  /** What libfuse or Node.js has said, on one line. */
  private why(): string {
    const lines = this.said.split('\n').map((line) => line.replace(/^(fuse|fusermount3?): /, '').trim()).filter((line) => line !== '');
    return lines.length === 0 ? `libfuse cannot mount on ${this.request.mountpoint}` : `cannot mount on ${this.request.mountpoint}: ${lines.slice(-3).join('; ')}`;
  }

  private notMounted(): Error {
    return new Error(`${this.request.mountpoint} is not mounted any more`);
  }
}

/** All that the addon says. */
const LIBFUSE_FAILED = 'fuse failed';
