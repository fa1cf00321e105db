/**
 * Thrown out of an operation whose answer needs work that goes on elsewhere (a large copy-up in a helper
 * worker). The loop keeps a copy of the request and serves others; `resume` is told a function that has the
 * request dispatched anew, from the beginning. It is to be called on the loop's own thread, once.
 */
export class Suspended {
  constructor(readonly resume: (again: () => void) => void) {}
}
