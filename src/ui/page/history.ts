import type { Directory, TraceEvent, Union } from '../protocol.js';
import { type Change, directoriesOf, reversed } from './change.js';
import type { Key } from './paths.js';
import { type Directories, predicted } from './predict.js';

/** One event of the timeline, and what it made of the directories that are known. */
export interface Step {
  /** Counted from 1 on, for people. */
  readonly number: number;
  readonly event: TraceEvent;
  /** Null where nothing changes: lookups, lost events. */
  readonly change: Change | null;
  /** As it was at that time. */
  readonly union: Union;
  readonly before: Map<Key, Directory>;
  readonly after: Map<Key, Directory>;
}

/** Older steps are forgotten. */
const LONGEST = 500;

/** What happened since the page was opened. The state at any step is what the last step up to it left of each directory. */
export class History {
  steps: readonly Step[] = [];
  #count = 0;

  add(step: Omit<Step, 'number'>): void {
    this.steps = [...this.steps.slice(1 - LONGEST), { number: ++this.#count, ...step }];
  }

  /** By its number. */
  step(number: number): Step | undefined {
    return this.steps.find((step) => step.number === number);
  }

  /** Directories as they were after a step; those that no step changed are as they are now. */
  at(number: number, now: Directories): Directories {
    const result = new Map(now);
    // Backwards, so that the first step after it has the last word; then what is known of the steps up to it.
    for (const step of this.steps.toReversed()) {
      if (step.number > number) for (const [key, directory] of step.before) result.set(key, directory);
    }
    for (const step of this.steps) if (step.number <= number) for (const [key, directory] of step.after) result.set(key, directory);
    return result;
  }
}

/**
 * Tells the last step that changed a directory what it really left of it. Where it was not known before, what the steps
 * did is taken back from it, one by one.
 */
export function fillIn(steps: readonly Step[], key: Key, directory: Directory): void {
  let state = directory;
  for (const { change, before, after } of steps.toReversed()) {
    if (change === null || !directoriesOf(change).includes(key)) continue;
    const isKnown = after.has(key);
    after.set(key, state);
    if (isKnown) return;
    const back = reversed(change);
    if (back !== null) state = predicted(new Map([[key, state]]), back).get(key) ?? state;
    before.set(key, state);
  }
}
