// A mounted union that pages are shown, and the pages that listen to it.

import { setTimeout as sleep } from 'node:timers/promises';
import { errorLine, MountError } from '../daemon/error.js';
import { findRunning } from '../daemon/find-running.js';
import { followMount } from '../daemon/follow-mount.js';
import { followTrace } from '../daemon/follow-trace.js';
import { lookAtMount } from '../daemon/look-at-mount.js';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { branchLabels } from '../inspect/branch-labels.js';
import { explain, explanationAsText, type Explanation } from '../inspect/explain.js';
import type { Look } from '../inspect/look.js';
import { traceJson } from '../inspect/trace-line.js';
import { permissionText } from '../union/branch.js';
import { directoryOf } from './directory.js';
import type { EventStream } from './event-stream.js';
import type { Directory, End, Union } from './protocol.js';

/** How long pages may still be told of what happened before the end, in milliseconds. */
const LAST_EVENTS = 1000;

export class Subject {
  /** Resolves when the union is unmounted and the pages know; with why it failed, if it did. */
  readonly ended: Promise<string | undefined>;
  readonly #streams = new Set<EventStream>();
  readonly #tracing = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  private constructor(readonly mountpoint: string, begun: (error?: Error) => void) {
    this.ended = this.#follow(begun);
  }

  /** @throws MountError not mounted, not permitted */
  static async open(written: string): Promise<Subject> {
    const mountpoint = resolveMountpoint(written);
    return new Promise((resolve, reject) => {
      const subject: Subject = new Subject(mountpoint, (error) => error === undefined ? resolve(subject) : reject(error));
    });
  }

  describe(): Pick<Union, 'mountpoint' | 'options' | 'readonly' | 'branches'> {
    const { state, branches } = findRunning(this.mountpoint);
    return this.#look(({ u }) => {
      const labels = branchLabels(u.branches.map(({ path }) => path));
      return {
        mountpoint: this.mountpoint,
        options: state.options,
        readonly: u.options.readonly,
        branches: u.branches.map((branch) => ({
          index: branch.index,
          id: branches[branch.index]?.id ?? branch.id,
          directory: branch.path,
          label: labels[branch.index],
          permission: permissionText(branch.spec),
          writable: branch.writable,
          marksCount: branch.whiteouts,
        })),
      };
    });
  }

  directory(path: string): Directory {
    return this.#look(({ u }) => directoryOf(u, path));
  }

  explain(path: string): Explanation {
    return this.#look(({ u }) => explanationAsText(explain(u, path)));
  }

  /** The page is told all that happens from now on, until it goes or the union ends. */
  listen(stream: EventStream, lookups: boolean): void {
    this.#streams.add(stream);
    const tracing = this.#trace(stream, lookups);
    this.#tracing.add(tracing);
    stream.signal.addEventListener('abort', () => this.#streams.delete(stream));
    void tracing.finally(() => this.#tracing.delete(tracing));
  }

  /** Nobody is told any more; the union stays as it is. */
  close(): void {
    this.#stop.abort();
  }

  /** Opened for each request, by what is in force at the moment: nothing of a branch is kept in use in between. */
  #look<Result>(use: (look: Look) => Result): Result {
    const look = lookAtMount(this.mountpoint);
    try {
      return use(look);
    } finally {
      look.close();
    }
  }

  #changed(): void {
    for (const stream of this.#streams) stream.send('union', {});
  }

  async #trace(stream: EventStream, lookups: boolean): Promise<void> {
    const wish = lookups ? {} : { except: ['lookup'] };
    try {
      const events = followTrace(this.mountpoint, wish, stream.signal, () => stream.send('ready', {}));
      for await (const event of events) await stream.tell(traceJson(event).trimEnd());
    } catch {
      // Why it ended, #follow hears as well, and tells.
    }
  }

  async #follow(begun: (error?: Error) => void): Promise<string | undefined> {
    let failure: string | undefined;
    try {
      for await (const _ of followMount(this.mountpoint, this.#stop.signal, () => begun())) this.#changed();
    } catch (error) {
      failure = errorLine(error);
      begun(error as Error);
    }
    begun(new MountError(`${this.mountpoint} is not mounted`));
    // Closed: the union goes on without us.
    if (this.#stop.signal.aborted) return undefined;
    await Promise.race([Promise.allSettled(this.#tracing), sleep(LAST_EVENTS)]);
    const end: End = { failure: failure ?? null };
    await Promise.all([...this.#streams].map((stream) => stream.end('end', end)));
    this.#stop.abort();
    return failure;
  }
}
