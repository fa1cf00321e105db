import type { TraceEvent } from '../protocol.js';

/** Between two events that are drawn, in milliseconds: a rename is a copy-up, a whiteout and a rename at the same moment. */
const BETWEEN = 380;
/** More than so many are not drawn one by one. */
const CROWD = 8;
/** No longer at a time: the page is to answer meanwhile. */
const BUSY = 12;
/** From the last event until the directories are read again. */
const REST = 60;

export function prefersStillness(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** Gives events that come in bursts one after another, so that they can be seen; many at once. */
export class Pace {
  /** Events so far. */
  count = 0;
  #waiting: TraceEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #last = -Infinity;

  /** `drawn` is called after one or several were applied, `rest` when there are no more for the moment. */
  constructor(
    private readonly apply: (event: TraceEvent, isOne: boolean) => void, private readonly drawn: () => void, private readonly rest: () => void,
  ) {}

  add(event: TraceEvent): void {
    this.count++;
    this.#waiting.push(event);
    this.#schedule();
  }

  /** As after an event: `rest` is called when there are no more. */
  nudge(): void {
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const isStill = prefersStillness() || document.hidden || this.#waiting.length > CROWD;
    if (this.#waiting.length === 0) this.#timer = setTimeout(this.rest, REST);
    else this.#timer = setTimeout(() => this.#next(isStill), isStill ? 0 : Math.max(0, this.#last + BETWEEN - performance.now()));
  }

  #next(all: boolean): void {
    const isCrowd = this.#waiting.length > CROWD;
    const end = performance.now() + BUSY;
    let done = 0;
    do this.apply(this.#waiting[done++], !isCrowd);
    while (all && done < this.#waiting.length && performance.now() < end);
    this.#waiting.splice(0, done);
    this.#last = performance.now();
    this.drawn();
    this.#schedule();
  }
}
