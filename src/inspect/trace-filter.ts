import picomatch from 'picomatch';
import { eventKinds, type UnionEvent } from '../union/events.js';

type Kind = UnionEvent['kind'];

/** What somebody wants to hear of; what is left out means all. */
export interface TraceWish {
  kinds?: readonly string[];
  except?: readonly string[];
  /** Paths in the union, with all below them, or patterns; a pattern without a slash is for the last name of a path. */
  paths?: readonly string[];
}

/** Kinds that can be asked for: of what was lost everybody is told. */
export const traceKinds: readonly Kind[] = eventKinds.filter((kind) => kind !== 'lost');

export class TraceFilter {
  readonly #kinds: ReadonlySet<string>;
  readonly #matchers: readonly ((path: string) => boolean)[];

  /** @throws Error of one line: a kind or pattern that does not exist */
  constructor(wish: TraceWish) {
    for (const kind of [...wish.kinds ?? [], ...wish.except ?? []]) {
      if (!(traceKinds as readonly string[]).includes(kind)) throw new Error(`there is no kind of event "${kind}"; there are: ${traceKinds.join(', ')}`);
    }
    this.#kinds = new Set((wish.kinds ?? traceKinds).filter((kind) => !wish.except?.includes(kind)));
    if (this.#kinds.size === 0) throw new Error('no kind of event is left to be told; leave out fewer with -x');
    this.#matchers = (wish.paths ?? []).map(matcher);
  }

  wants(kind: Kind): boolean {
    return this.#kinds.has(kind);
  }

  takes(event: UnionEvent): boolean {
    if (!this.#kinds.has(event.kind)) return false;
    if (this.#matchers.length === 0) return true;
    // The other name of a rename or link; a copy-up's is a branch, not a path of the union.
    const other = event.kind === 'rename' || event.kind === 'link' ? event.from : undefined;
    return this.#matchers.some((matches) => matches(event.path) || (other !== undefined && matches(other)));
  }
}

function matcher(written: string): (path: string) => boolean {
  if (written === '') throw new Error('an empty path to look for; name one in the union, or leave -p out');
  if (!/[*?[{]/.test(written)) {
    const path = `/${written.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')}`;
    return path === '/' ? () => true : (name) => name === path || name.startsWith(`${path}/`);
  }
  // Without a slash: the last name, as gitignore(5) has it. Nothing that makes regular expressions take for ever.
  const options = { dot: true, noextglob: true };
  if (!written.includes('/')) return picomatch(written, { ...options, basename: true });
  const matches = picomatch(written.replace(/^(\.?\/)+/, ''), options);
  return (name) => matches(name.slice(1));
}
