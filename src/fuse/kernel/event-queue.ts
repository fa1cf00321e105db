import { MOST_EVENTS_WAITING } from '../told-event.js';

const WAITING = 0;
const LOST = 1;

/**
 * How many events are on their way from the thread that serves to the main thread. The one does not wait for the other:
 * what it could not take in time would grow without end.
 */
export class EventQueue {
  private readonly numbers: Int32Array;

  /** @param shared what the other end has */
  constructor(readonly shared = new SharedArrayBuffer(8)) {
    this.numbers = new Int32Array(shared);
  }

  /** Whether one more may be sent; else it counts as lost. */
  enter(): boolean {
    if (Atomics.load(this.numbers, WAITING) >= MOST_EVENTS_WAITING) {
      Atomics.add(this.numbers, LOST, 1);
      return false;
    }
    Atomics.add(this.numbers, WAITING, 1);
    return true;
  }

  /** One has come. Returns how many were lost since the last; where some were, another one is always still to come. */
  leave(): number {
    Atomics.sub(this.numbers, WAITING, 1);
    return Atomics.exchange(this.numbers, LOST, 0);
  }
}
