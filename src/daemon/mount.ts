import { EventEmitter } from 'node:events';
import { foldMount } from '../options/mount.js';
import { parseOptions } from '../options/parse.js';
import { foldRemount } from '../options/remount.js';
import type { Setting } from '../options/settings.js';
import type { UnionEvent } from '../union/events.js';
import { adapterWarnings, loadAdapter, type AdapterName } from './adapters.js';
import { errorLine, MountError } from './error.js';
import {
  changeSettings, optionSettings, writtenBranch, type BranchInput, type OptionInput, type RemountChange,
} from './input.js';
import type { Log } from './log.js';
import { runMount, type MountRequest, type RunningMount } from './running.js';
import type { BranchText } from './state.js';

/** Options of {@link mount}: those of the command line, typed. What is left out has AUFS's default. */
export interface MountOptions extends OptionInput {
  /** A directory; relative to the working directory. */
  mountpoint: string;
  /** From the top down, as objects or as aufs(5) writes them: `'./upper=rw'`, `'/lower=ro+wh'`. */
  branches: readonly (string | BranchInput)[];
  /** More options as they would follow `-o`. */
  options?: string;
  /** The source shown in /proc/mounts. */
  source?: string;
  /** `auto` if not given. */
  adapter?: AdapterName;
  /** Takes what would go to the log; nothing does otherwise. */
  log?: Log;
}

/** Listeners of each kind of {@link UnionEvent}, and `event` for all of them but lookups. Paths are in UTF-8. */
export type MountEvents =
  & { [K in UnionEvent['kind']]: [event: UnionEvent & { kind: K }] }
  & { event: [event: UnionEvent] };

/** A mounted union, served by a thread of this process. */
export class Mount extends EventEmitter<MountEvents> {
  readonly #running: RunningMount;
  readonly #log: Log;

  /** @internal use {@link mount} */
  constructor(running: RunningMount, log: Log = () => undefined) {
    super();
    this.#running = running;
    this.#log = log;
    // Events cost the union time: it makes them only while somebody listens.
    // In this order: a listener for new listeners must not meet the other one.
    this.on('removeListener' as 'event', () => this.#follow(this.eventNames()));
    this.on('newListener' as 'event', ((name: string | symbol) => this.#follow([...this.eventNames(), name])) as () => void);
  }

  /** Absolute, without symbolic links. */
  get mountpoint(): string {
    return this.#running.mountpoint;
  }

  /** From the top down; `text` is `/path=ro+wh`. */
  get branches(): readonly BranchText[] {
    return this.#running.inForce.branches;
  }

  /** Resolves when nothing of the mount is left, whoever unmounted it; rejects if the file system failed. */
  get ended(): Promise<void> {
    return this.#running.ended.then((failure) => {
      if (failure !== undefined) throw new MountError(failure);
    });
  }

  /**
   * Changes the mounted union, from left to right; the kernel's caches follow before it resolves. As in AUFS the first
   * change that fails ends it, and those before it stay.
   * @throws OptionError with nothing changed; MountError or an Error of the union, such as a branch in use (EBUSY)
   */
  async remount(changes: RemountChange | readonly RemountChange[]): Promise<void> {
    const { inForce } = this.#running;
    const warnings: string[] = [];
    const warn = (message: string): unknown => warnings.push(message);
    const settings = (isList(changes) ? changes : [changes]).flatMap((change) => changeSettings(change, warn));
    const union = { readonly: inForce.union.readonly, branches: inForce.union.branches.map((branch) => branch.path) };
    const parsed = foldRemount(settings, union, warnings, process.cwd());
    const report = await this.#running.remount(parsed.steps);
    for (const warning of [...parsed.warnings, ...report.notes]) this.#log('warn', warning);
  }

  /**
   * Unmounts, and waits until all is cleaned up.
   * @param how lazy: detaches a mount in use, and does not wait for those who use it; keepPlinks: leaves pseudo-links as
   *   they are instead of making them real
   * @throws Error EBUSY where it is in use
   */
  async unmount(how: { lazy?: boolean; keepPlinks?: boolean } = {}): Promise<void> {
    const lazy = how.lazy ?? false;
    if (how.keepPlinks) await this.#running.session.call({ name: 'keep-plinks' });
    await this.#running.session.unmount({ lazy });
    if (!lazy) await this.ended;
  }

  readonly #deliver = (event: UnionEvent): void => {
    emit(this, event.kind, event);
    if (event.kind !== 'lookup') emit(this, 'event', event);
  };

  /** Listens as long as there are listeners, and to lookups only for those who want them by name. */
  #follow(names: readonly (string | symbol)[]): void {
    const { events } = this.#running;
    const wanted = names.some((name) => name !== 'newListener' && name !== 'removeListener');
    if (wanted) events.listen(this.#deliver, names.includes('lookup'));
    else events.leave(this.#deliver);
  }
}

/**
 * Mounts a union in this process, which must live as long as the mount.
 * @throws OptionError, MountError: one line, with nothing left behind; what the MountError came of is its `cause`
 */
export async function mount(options: MountOptions): Promise<Mount> {
  const log: Log = options.log ?? (() => undefined);
  const parsed = parse(options);
  const name = options.adapter ?? 'auto';
  for (const warning of [...parsed.warnings, ...adapterWarnings(name, parsed.mount)]) log('warn', warning);
  const request: MountRequest = {
    mountpoint: options.mountpoint,
    source: options.source ?? parsed.mount.source ?? 'tsaufs',
    union: parsed.union,
    flags: parsed.mount,
    adapter: await loadAdapter(name),
    log,
    state: undefined,
  };
  try {
    return new Mount(await runMount(request), log);
  } catch (error) {
    throw error instanceof MountError ? error : new MountError(errorLine(error), { cause: error });
  }
}

function parse(options: MountOptions): ReturnType<typeof foldMount> {
  const warnings: string[] = [];
  const warn = (message: string): unknown => warnings.push(message);
  const { mountpoint: _mountpoint, source: _source, adapter: _adapter, log: _log, branches, options: text, ...typed } = options;
  const settings: Setting[] = [
    { kind: 'branches', branches: branches.map((branch) => writtenBranch(branch, warn)) },
    ...parseOptions(text === undefined ? [] : [text], warn),
    ...optionSettings(typed),
  ];
  return foldMount(settings, warnings, process.cwd());
}

function isList(changes: RemountChange | readonly RemountChange[]): changes is readonly RemountChange[] {
  return Array.isArray(changes);
}

/** Each kind goes to its own listeners by its name, which the compiler cannot follow through emit(). */
function emit(emitter: EventEmitter, name: string, event: UnionEvent): void {
  emitter.emit(name, event);
}
