import type { TourRequest, TourState, Union } from '../protocol.js';
import { getUnion, postTour } from './api.js';
import { Model } from './model.js';
import { keyOf } from './paths.js';
import { Store } from './store.js';

/** The guided tour: the lesson as the server has it, the scratch union, and the step that the person reads. */
export class Tour extends Store {
  state: TourState | null = null;
  model: Model | null = null;
  /** The step that is read; it may be one that was not done yet. */
  shown = 0;
  isBusy = false;
  error: string | null = null;
  /** Of each step that was done: the last event that it caused, and the branches that it left. */
  readonly #ends = new Map<number, { at: number; union: Union | null }>();

  /** What the server tells, first of all in the union. */
  adopt(state: TourState | null): void {
    const isOther = state?.mountpoint !== this.state?.mountpoint;
    this.state = state;
    if (isOther) {
      this.model?.close();
      this.model = state === null ? null : this.#follow();
      this.#ends.clear();
      this.shown = Math.max(0, (state?.done ?? 0) - 1);
    }
    this.#look();
    this.changed();
  }

  start(lesson: string): Promise<void> {
    return this.#ask({ action: 'start', lesson });
  }

  end(): Promise<void> {
    if (this.model) this.model.isLeaving = true;
    return this.#ask({ action: 'end' });
  }

  /** Does the step that is read. */
  async run(): Promise<void> {
    const step = this.shown;
    if (this.state === null || step !== this.state.done) return;
    this.#ends.set(step - 1, { at: this.model?.history.steps.at(-1)?.number ?? 0, union: this.model?.union ?? null });
    await this.model?.goTo(null);
    await this.#ask({ action: 'step', step });
  }

  /** Reads another step; of those that were done, with the union as it was after it. */
  async read(step: number): Promise<void> {
    if (this.state === null || step < 0 || step >= this.state.steps.length) return;
    this.shown = step;
    this.changed();
    const end = step < this.state.done - 1 ? this.#ends.get(step) : undefined;
    await this.model?.goTo(end?.at ?? null, end?.union);
    this.#look();
  }

  #follow(): Model {
    const model = new Model('tour');
    model.follows = true;
    model.onTour = (answer) => this.adopt(answer.tour);
    model.connect();
    return model;
  }

  #look(): void {
    const { state, model, shown } = this;
    if (state === null || model === null) return;
    const keys = shown < state.done ? state.steps[shown].look.map(keyOf) : [];
    model.look(keys);
    if (keys.length > 0) void model.reveal(keys[0]);
  }

  async #ask(request: TourRequest): Promise<void> {
    this.isBusy = true;
    this.error = null;
    this.changed();
    try {
      const { tour } = await postTour(request);
      this.adopt(tour);
      this.model?.readAllSoon();
    } catch (error) {
      this.error = (error as Error).message;
      if (this.model) this.model.isLeaving = false;
      // Another page may have gone on with the tour.
      await getUnion('mount').then(({ tour }) => this.adopt(tour), () => undefined);
    }
    this.isBusy = false;
    this.changed();
  }
}

