import { EventEmitter } from 'node:events';
import { branchMode, parseBranch, type WrittenBranch } from '../options/branch.js';
import { OptionError } from '../options/error.js';
import { foldMount } from '../options/mount.js';
import { parseOptions } from '../options/parse.js';
import { defaultMountFlags, type MountFlags, type Setting } from '../options/settings.js';
import type { UnionEvent } from '../union/events.js';
import { defaultUnionOptions, type BranchSpec, type UnionOptions } from '../union/options.js';
import { loadAdapter, type AdapterName } from './adapters.js';
import { MountError } from './error.js';
import type { Log } from './log.js';
import { runMount, type MountRequest, type RunningMount } from './running.js';
import type { BranchText } from './state.js';

/** A branch as the library takes it: what is left out has its default, also the permission. */
export type BranchInput = Pick<BranchSpec, 'path'> & Partial<Omit<BranchSpec, 'path'>>;

/** Options of {@link mount}: those of the command line, typed. What is left out has AUFS's default. */
export interface MountOptions
  extends Partial<Omit<UnionOptions, 'branches'>>, Partial<Omit<MountFlags, 'readonly' | 'source'>> {
  /** A directory; relative to the working directory. */
  mountpoint: string;
  /** From the top down, as objects or as aufs(5) writes them: `'./upper=rw'`, `'/lower=ro+wh'`. */
  branches: readonly (string | BranchInput)[];
  /** More options as they would follow `-o`. */
  options?: string;
  /** The source shown in /proc/mounts. */
  source?: string;
  adapter?: AdapterName;
  /** Takes what would go to the log; nothing does otherwise. */
  log?: Log;
}

/** Listeners of each kind of {@link UnionEvent}, and `event` for all of them. Paths are in UTF-8. */
export type MountEvents =
  { [K in UnionEvent['kind']]: [event: UnionEvent & { kind: K }] } & { event: [event: UnionEvent] };

/** A mounted union, served by a thread of this process. */
export class Mount extends EventEmitter<MountEvents> {
  readonly #running: RunningMount;

  /** @internal use {@link mount} */
  constructor(running: RunningMount) {
    super();
    this.#running = running;
    // Events cost the union time: it makes them only while somebody listens.
    // In this order: a listener for new listeners must not meet the other one.
    this.on('removeListener' as 'event', () => running.session.setEvents(this.#hasListeners()));
    this.on('newListener' as 'event', () => running.session.setEvents(true));
  }

  /** Absolute, without symbolic links. */
  get mountpoint(): string {
    return this.#running.mountpoint;
  }

  /** From the top down; `text` is `/path=ro+wh`. */
  get branches(): readonly BranchText[] {
    return this.#running.session.branches;
  }

  /** Resolves when nothing of the mount is left, whoever unmounted it; rejects if the file system failed. */
  get ended(): Promise<void> {
    return this.#running.ended.then((failure) => {
      if (failure !== undefined) throw new MountError(failure);
    });
  }

  /**
   * Unmounts, and waits until all is cleaned up.
   * @param how lazy: detaches a mount in use, and does not wait for those who use it
   * @throws Error EBUSY where it is in use
   */
  async unmount(how: { lazy?: boolean } = {}): Promise<void> {
    const lazy = how.lazy ?? false;
    await this.#running.session.unmount({ lazy });
    if (!lazy) await this.ended;
  }

  /** @internal called by the adapter for each event */
  deliver(event: UnionEvent): void {
    emit(this, event.kind, event);
    emit(this, 'event', event);
  }

  #hasListeners(): boolean {
    return this.eventNames().some((name: string | symbol) => name !== 'newListener' && name !== 'removeListener');
  }
}

/**
 * Mounts a union in this process, which must live as long as the mount.
 * @throws OptionError, MountError, or an Error of the adapter: one line, with nothing left behind
 */
export async function mount(options: MountOptions): Promise<Mount> {
  const log: Log = options.log ?? (() => undefined);
  const parsed = parse(options);
  for (const warning of parsed.warnings) log('warn', warning);
  const listeners: { mount?: Mount } = {};
  const request: MountRequest = {
    mountpoint: options.mountpoint,
    source: options.source ?? parsed.mount.source ?? 'tsaufs',
    union: parsed.union,
    flags: parsed.mount,
    adapter: await loadAdapter(options.adapter ?? 'kernel'),
    log,
    state: undefined,
    onEvent: (event) => listeners.mount?.deliver(event),
  };
  return listeners.mount = new Mount(await runMount(request));
}

function parse(options: MountOptions): ReturnType<typeof foldMount> {
  const warnings: string[] = [];
  const warn = (message: string): unknown => warnings.push(message);
  const settings: Setting[] = [
    { kind: 'branches', branches: options.branches.map((branch) => writtenBranch(branch, warn)) },
    ...parseOptions(options.options === undefined ? [] : [options.options], warn),
    ...typedSettings(options),
  ];
  return foldMount(settings, warnings, process.cwd());
}

function writtenBranch(branch: string | BranchInput, warn: (message: string) => unknown): WrittenBranch {
  if (typeof branch === 'string') return parseBranch(branch, warn);
  const { path, ...mode } = branch;
  if (Object.keys(mode).length === 0) return { path, mode: undefined };
  if (mode.perm === undefined) throw new OptionError(`branch ${path}: attributes need a perm: rw, ro or rr`);
  return { path, mode: { ...branchMode(mode.perm), ...mode } };
}

function typedSettings(options: MountOptions): Setting[] {
  const own = new Set(['mountpoint', 'branches', 'options', 'source', 'adapter', 'log']);
  const flagNames = new Set(Object.keys(defaultMountFlags()));
  const unionNames = new Set(Object.keys(defaultUnionOptions()));
  const settings: Setting[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (own.has(name) || value === undefined) continue;
    if (flagNames.has(name)) settings.push({ kind: 'mount', set: { [name]: value as never } });
    else if (unionNames.has(name)) settings.push({ kind: 'union', set: { [name]: value as never } });
    else throw new OptionError(`unknown option "${name}" of mount()`);
  }
  return settings;
}

/** Each kind goes to its own listeners by its name, which the compiler cannot follow through emit(). */
function emit(emitter: EventEmitter, name: string, event: UnionEvent): void {
  emitter.emit(name, event);
}
