import type { Directory, DirectoryEntry, Explanation, TourAnswer, TraceEvent, Union } from '../protocol.js';
import { getDirectory, getExplanation, getUnion, listen, type Listener, RequestError, type Which } from './api.js';
import { type Change, changeOf, directoriesOf } from './change.js';
import { fillIn, History, type Step } from './history.js';
import { above, indexOf, isIn, type Key, lastOf, parentOf, ROOT } from './paths.js';
import { Pace } from './pace.js';
import { type Directories, predicted } from './predict.js';
import { kept } from './same.js';
import { Store } from './store.js';

export type Connection = 'connecting' | 'live' | 'lost' | 'refused' | 'quit' | 'ended';

/** How many directories that nobody opened are kept for the timeline. */
const MANY = 300;

/** How long an event may take from the union to the page, in milliseconds. */
const ON_THE_WAY = 200;

/** Draws what happens: called before a change is drawn, it returns what is to be done after that. */
export type Director = (change: Change, branches: Union['branches']) => () => void;

/** One union as the page knows it: the directories that were looked at, what happened since, and where the person is. */
export class Model extends Store {
  connection: Connection = 'connecting';
  failure: string | null = null;
  union: Union | null = null;
  directories: Directories = new Map();
  /** Why a directory could not be read. */
  errors: ReadonlyMap<Key, string> = new Map();
  open: ReadonlySet<Key> = new Set();
  readonly history = new History();
  /** The step of the timeline that is shown: 0 is before the first, null what is now. */
  at: number | null = null;
  /** The directory whose entries the layers show. */
  directory: Key = ROOT;
  /** Where the keyboard is in the tree. */
  cursor: Key | null = null;
  /** What is explained. */
  selected: Key | null = null;
  explanation: Explanation | string | null = null;
  /** To look at, in a tour. */
  looks: ReadonlySet<Key> = new Set();
  director: Director | null = null;
  /** What is shown is being taken away: nothing of it is asked for any more. */
  isLeaving = false;
  /** The layers show the directory that something happens in. */
  follows = false;
  /** Told of what other pages make of the tour. */
  onTour: (answer: TourAnswer) => void = () => undefined;

  readonly #pace = new Pace((event, isOne) => this.#apply(event, isOne), () => this.changed(), () => { if (!this.isLeaving) void this.#readAgain(); });
  readonly #touched = new Set<Key>();
  #then: Union | null = null;
  #stop: () => void = () => undefined;

  constructor(readonly which: Which) {
    super();
  }

  connect(): void {
    const listener: Listener = {
      ready: () => void this.#refresh(),
      event: (event) => this.#pace.add(event),
      union: () => void this.#refresh(),
      tour: (answer) => this.onTour(answer),
      end: ({ failure }) => this.#set({ connection: 'ended', failure }),
      quit: () => this.#set({ connection: 'quit' }),
      lost: (forGood) => this.#set({ connection: forGood ? 'refused' : 'lost' }),
    };
    this.#stop = listen(this.which, listener);
  }

  close(): void {
    this.isLeaving = true;
    this.#stop();
    this.#pace.stop();
  }

  /** What is shown: now, or at a step of the timeline. */
  view(): Directories {
    return this.at === null ? this.directories : this.history.at(this.at, this.directories);
  }

  /** The union as it was then. */
  unionShown(): Union | null {
    return this.at === null ? this.union : this.#then ?? this.stepShown()?.union ?? this.history.steps.at(0)?.union ?? this.union;
  }

  stepShown(): Step | undefined {
    return this.at === null ? undefined : this.history.step(this.at);
  }

  /** Whether it is to be looked at: by the tour, or as what the step of the timeline has changed. */
  isLookedAt(key: Key): boolean {
    return this.looks.has(key) || (this.at !== null && this.stepShown()?.change?.key === key);
  }

  focus(key: Key): void {
    const isOpen = this.open.has(key) && this.view().has(key);
    this.#set({ cursor: key, directory: isOpen ? key : parentOf(key) });
  }

  async toggle(key: Key, open = !this.open.has(key)): Promise<void> {
    const all = new Set(this.open);
    if (open) all.add(key);
    else all.delete(key);
    this.#set({ open: all, cursor: key, directory: open ? key : parentOf(key) });
    if (open) await this.load(key);
  }

  /** Shows a directory in the layers, open in the tree. */
  async show(key: Key): Promise<void> {
    await this.reveal(key);
    if (key === ROOT) this.#set({ directory: ROOT });
    else await this.toggle(key, true);
  }

  /** Opens the directories above it. */
  async reveal(key: Key): Promise<void> {
    const directories = above(key);
    this.#set({ open: new Set([...this.open, ...directories]), directory: parentOf(key) });
    await Promise.all(directories.map((each) => this.load(each)));
  }

  async load(key: Key): Promise<void> {
    if (!this.directories.has(key)) await this.#read(key);
    this.changed();
  }

  async explain(key: Key | null): Promise<void> {
    this.#set({ selected: key, explanation: key === this.selected ? this.explanation : null });
    if (key === null) return;
    const explanation = await getExplanation(this.which, key).catch((error: unknown) => (error as Error).message);
    if (this.selected === key) this.#set({ explanation });
  }

  look(keys: readonly Key[]): void {
    this.#set({ looks: new Set(keys) });
  }

  /** Shows the union as it was after a step, with the branches that it had then, or `union`; null: as it is. */
  async goTo(at: number | null, union: Union | null = null): Promise<void> {
    const step = at === null ? undefined : this.history.step(at);
    const from = this.at;
    const play = step?.change && from !== null && at === from + 1 ? this.director?.(step.change, step.union.branches) : undefined;
    this.#then = union;
    this.#set({ at });
    if (step?.change) await this.reveal(step.change.key);
    if (play) requestAnimationFrame(play);
  }

  #set(values: Partial<Pick<Model, 'connection' | 'failure' | 'union' | 'open' | 'directory' | 'cursor' | 'selected' | 'explanation' |
    'looks' | 'at'>>): void {
    Object.assign(this, values);
    this.changed();
  }

  /** What was done on the branches directly has no events. Those that are under way come first. */
  readAllSoon(): void {
    for (const key of this.directories.keys()) this.#touched.add(key);
    setTimeout(() => this.#pace.nudge(), ON_THE_WAY);
  }

  /** After a connection was made, and when the branches are others: everything that is known is asked for again. */
  async #refresh(): Promise<void> {
    try {
      this.union = await getUnion(this.which);
      if (this.which === 'mount') this.onTour({ tour: this.union.tour });
      const known = this.union.mountpoint === null ? [] : [ROOT, ...this.directories.keys()];
      await Promise.all([...new Set(known)].map((key) => this.#read(key)));
      this.#set({ connection: 'live' });
      if (this.selected !== null) await this.explain(this.selected);
    } catch (error) {
      if (error instanceof RequestError) this.#set({ connection: 'refused', failure: error.message });
      else this.#set({ connection: 'lost' });
    }
  }

  /** Reads a directory, and forgets it where it is none any more. */
  async #read(key: Key): Promise<Directory | null> {
    return this.#take(key, await this.#ask(key));
  }

  #ask(key: Key): Promise<Directory | Error> {
    return getDirectory(this.which, key).catch((error: unknown) => error as Error);
  }

  #take(key: Key, answer: Directory | Error): Directory | null {
    const errors = new Map(this.errors);
    const directories = new Map(this.directories);
    let directory: Directory | null = null;
    if (answer instanceof Error) {
      errors.set(key, answer.message);
      for (const each of [...directories.keys()]) if (isIn(each, key)) directories.delete(each);
      if (isIn(this.directory, key) && key !== ROOT) this.directory = parentOf(key);
    } else {
      directory = kept(this.directories.get(key), answer);
      errors.delete(key);
      directories.set(key, directory);
    }
    this.errors = errors;
    this.directories = directories;
    return directory;
  }

  /** @param isOne drawn by itself, not with many others */
  #apply(event: TraceEvent, isOne: boolean): void {
    if (this.union === null) return;
    const change = changeOf(event, this.union.branches);
    const after = change === null ? new Map<Key, Directory>() : predicted(this.directories, change);
    const before = new Map([...after.keys()].map((key) => [key, this.directories.get(key)!]));
    const isShown = this.at === null && change !== null;
    if (isShown && this.follows && this.directories.has(parentOf(change.key))) this.directory = parentOf(change.key);
    const play = isShown && isOne ? this.director?.(change, this.union.branches) : undefined;
    this.history.add({ event, change, union: this.union, before, after });
    this.directories = new Map([...this.directories, ...after]);
    if (change !== null) this.#touch(change);
    if (event.kind === 'lost') for (const key of this.directories.keys()) this.#touched.add(key);
    if (play) requestAnimationFrame(play);
  }

  /** What has to be read again. */
  #touch(change: Change): void {
    for (const key of directoriesOf(change)) if (this.directories.has(key) || this.directories.size < MANY) this.#touched.add(key);
    for (const key of this.directories.keys()) if (isIn(key, change.key)) this.#touched.add(key);
  }

  #entry(key: Key): DirectoryEntry | undefined {
    const entries = this.directories.get(parentOf(key))?.entries ?? [];
    return entries[indexOf(entries, lastOf(key))];
  }

  /** By what is known it is no directory of the union any more: there is nothing to be read. */
  #isGone(key: Key): boolean {
    return [...above(key), key].some((each) => each !== ROOT && this.directories.has(parentOf(each)) && this.#entry(each)?.type !== 'directory');
  }

  /** The server's answer replaces what was made of the events. */
  async #readAgain(): Promise<void> {
    const gone = [...this.#touched].filter((key) => this.#isGone(key));
    this.directories = new Map([...this.directories].filter(([key]) => !gone.includes(key)));
    const keys = [...this.#touched].filter((key) => !gone.includes(key));
    this.#touched.clear();
    if (keys.length === 0) return;
    const { count } = this.#pace;
    const answers = await Promise.all(keys.map(async (key) => [key, await this.#ask(key)] as const));
    // Where more has happened by then the answers may have that in them, too: they are not what the last step left.
    await new Promise((resolve) => setTimeout(resolve, ON_THE_WAY));
    if (this.isLeaving) return;
    if (this.#pace.count !== count) {
      for (const key of keys) this.#touched.add(key);
      return this.#pace.nudge();
    }
    for (const [key, answer] of answers) {
      const directory = this.#take(key, answer);
      if (directory) fillIn(this.history.steps, key, directory);
    }
    await Promise.all([...this.open].filter((key) => !this.directories.has(key) && this.#entry(key)?.type === 'directory').map((key) => this.#read(key)));
    this.changed();
    if (this.selected !== null) await this.explain(this.selected);
  }
}
