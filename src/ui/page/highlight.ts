import type { Key } from './paths.js';
import { Store } from './store.js';

/** What the pointer or the keyboard is on, wherever on the page: the same name lights up on every branch that has it. */
class Highlight extends Store {
  key: Key | null = null;

  set(key: Key | null): void {
    if (key === this.key) return;
    this.key = key;
    this.changed();
  }
}

export const highlight = new Highlight();

/** For an element that stands for an entry. */
export function lights(key: Key) {
  return { onPointerEnter: () => highlight.set(key), onPointerLeave: () => highlight.set(null) };
}
