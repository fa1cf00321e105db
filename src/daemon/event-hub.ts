import type { Session } from '../fuse/adapter.js';
import type { UnionEvent } from '../union/events.js';

export type EventListener = (event: UnionEvent) => void;

/** Those who listen to one mount. Events cost the union time: it makes them only while somebody listens. */
export class EventHub {
  /** Each with whether he wants to hear of lookups. */
  readonly #listeners = new Map<EventListener, boolean>();
  #session: Session | undefined;
  #asked = 'nothing';

  /** The mount has come up; nobody can listen before. */
  start(session: Session): void {
    this.#session = session;
  }

  /** Calls `listener` with each event from now on, or changes what it is called with. */
  listen(listener: EventListener, lookups: boolean): void {
    this.#listeners.set(listener, lookups);
    this.#ask();
  }

  leave(listener: EventListener): void {
    this.#listeners.delete(listener);
    this.#ask();
  }

  readonly deliver = (event: UnionEvent): void => {
    for (const [listener, lookups] of this.#listeners) if (lookups || event.kind !== 'lookup') listener(event);
  };

  #ask(): void {
    const lookups = [...this.#listeners.values()].includes(true);
    const wanted = this.#listeners.size === 0 ? 'nothing' : lookups ? 'all' : 'changes';
    if (wanted === this.#asked) return;
    this.#asked = wanted;
    this.#session?.setEvents(wanted !== 'nothing', lookups);
  }
}
