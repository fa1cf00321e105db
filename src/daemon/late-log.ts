import type { Log, OpenLog } from './log.js';

/** A log that can be used before it is opened: what it is told until then waits. */
export class LateLog implements OpenLog {
  #open: OpenLog | undefined;
  #waiting: ((open: OpenLog) => void)[] = [];

  readonly log: Log = (level, message, fields) => this.#tell((open) => open.log(level, message, fields));

  readonly setVerbose = (on: boolean): void => this.#tell((open) => open.setVerbose(on));

  open(log: OpenLog): void {
    this.#open = log;
    for (const tell of this.#waiting) tell(log);
    this.#waiting = [];
  }

  #tell(tell: (open: OpenLog) => void): void {
    if (this.#open === undefined) this.#waiting.push(tell);
    else tell(this.#open);
  }
}
