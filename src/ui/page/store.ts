import { useEffect, useReducer } from 'preact/hooks';

/** State that components look at, and are drawn again after a change of. */
export class Store {
  readonly #listeners = new Set<() => void>();

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  protected changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Draws the component again whenever the store changes. */
export function useStore(store: Store | null): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => store?.subscribe(() => draw(undefined)), [store]);
}
