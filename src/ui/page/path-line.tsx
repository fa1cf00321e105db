import type { Model } from './model.js';
import { above, type Key, lastOf, ROOT, shownKey } from './paths.js';

/** The directory that the layers show, each part of its path a button that leads there. */
export function PathLine({ model }: { model: Model }) {
  const parts = [...above(model.directory), model.directory];
  return (
    <nav class="path-line" aria-label="Directory shown in the layers">
      {parts.map((key, i) => (
        <button type="button" key={key} aria-current={i === parts.length - 1 ? 'location' : undefined} onClick={() => go(model, key)}>
          {key === ROOT ? '/' : `${shownKey(lastOf(key))}/`}
        </button>
      ))}
    </nav>
  );
}

function go(model: Model, key: Key): void {
  void model.show(key);
}
