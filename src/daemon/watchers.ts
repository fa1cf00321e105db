import type { Outlet } from './control.js';

/** The control command `watch`: a line `{"changed":true}` for each change of the branches or options, and the end of the mount. */
export class Watchers {
  readonly #outlets = new Set<Outlet>();

  add(outlet: Outlet): void {
    this.#outlets.add(outlet);
    outlet.onClose(() => this.#outlets.delete(outlet));
  }

  tellChange(): void {
    for (const outlet of this.#outlets) outlet.send({ changed: true });
  }
}
