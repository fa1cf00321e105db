// The tour that is under way: at most one, whoever looks at it.

import { HttpError } from '../error.js';
import type { TourState } from '../protocol.js';
import { Subject } from '../subject.js';
import type { Outcome } from './command.js';
import { type Lesson, MOUNTPOINT } from './lesson.js';
import { lessons } from './lessons.js';
import { Scratch } from './scratch.js';

interface Running {
  lesson: Lesson;
  scratch: Scratch;
  subject: Subject;
  outcomes: Outcome[];
}

export class Tour {
  #running: Running | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** Called whenever `state` is another. */
  onChange: () => void = () => undefined;

  /** @param program tsaufs itself, which the lessons call */
  constructor(private readonly program: string) {}

  /** Null where there is none. */
  get subject(): Subject | null {
    return this.#running?.subject ?? null;
  }

  get state(): TourState | null {
    if (this.#running === null) return null;
    const { lesson, outcomes, subject } = this.#running;
    return {
      lesson: lesson.id,
      title: lesson.title,
      done: outcomes.length,
      mountpoint: subject.mountpoint,
      steps: lesson.steps.map((step, index) => ({
        ...step, look: [...step.look],
        output: outcomes.at(index)?.output ?? null,
        status: outcomes.at(index)?.status ?? null,
      })),
    };
  }

  /** Begins a lesson on a new scratch union, and does its first step. Another tour ends. @throws HttpError */
  start(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const lesson = lessons.find((each) => each.id === id);
      if (lesson === undefined) throw new HttpError(404, `there is no lesson "${id}"`);
      await this.#end();
      const scratch = await Scratch.make(this.program, MOUNTPOINT);
      try {
        const outcome = await scratch.run(lesson.steps[0].command);
        if (outcome.status !== 0) throw new HttpError(500, `the tour cannot begin: ${outcome.output.trim().replace(/\s*\n\s*/g, '; ')}`);
        this.#running = { lesson, scratch, subject: await Subject.open(scratch.mountpoint), outcomes: [outcome] };
        this.onChange();
      } catch (error) {
        await scratch.remove();
        throw error;
      }
      void this.#running.subject.ended.then(() => this.#lost(scratch));
    });
  }

  /** Does the next step, if it is this one. @throws HttpError */
  step(index: number): Promise<void> {
    return this.#inTurn(async () => {
      const running = this.#running;
      if (running === null) throw new HttpError(409, 'there is no tour now; start a lesson');
      const { lesson, outcomes, scratch } = running;
      if (index !== outcomes.length) throw new HttpError(409, `the next step is number ${outcomes.length}, not ${index}`);
      if (index >= lesson.steps.length) throw new HttpError(409, 'the lesson is at its end');
      outcomes.push(await scratch.run(lesson.steps[index].command));
      this.onChange();
    });
  }

  /** Nothing is left of it then. */
  end(): Promise<void> {
    return this.#inTurn(() => this.#end());
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    this.onChange();
    await running.scratch.remove();
  }

  /** Somebody has unmounted the union by hand. */
  #lost(scratch: Scratch): void {
    if (this.#running?.scratch === scratch) void this.end();
  }

  #inTurn(call: () => Promise<void>): Promise<void> {
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
