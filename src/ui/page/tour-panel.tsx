import type { Lesson } from '../protocol.js';
import { Icon, type Shape } from './icon.js';
import { useStore } from './store.js';
import type { Tour } from './tour.js';
import { TourStepText } from './tour-step.js';
import { count } from './words.js';

/** The lessons, or the one that is being read. */
export function TourPanel({ tour, lessons }: { tour: Tour; lessons: readonly Lesson[] }) {
  useStore(tour);
  return (
    <section class="tour panel" aria-labelledby="tour-title" aria-busy={tour.isBusy}>
      {tour.state === null ? <Lessons tour={tour} lessons={lessons} /> : <Reading tour={tour} />}
      {tour.error !== null && <p class="error" role="alert">{tour.error}</p>}
    </section>
  );
}

function Lessons({ tour, lessons }: { tour: Tour; lessons: readonly Lesson[] }) {
  return (
    <>
      <header class="panel-header"><h2 id="tour-title">Guided tour</h2></header>
      <div class="panel-body">
        <p>Each lesson mounts a small union of its own in a temporary directory, and takes it away in the end. Nothing of yours is touched.</p>
        {lessons.map(({ id, title, text, steps }) => (
          <article class="lesson" key={id}>
            <h3>{title}</h3>
            <p>{text}</p>
            <p><button type="button" class="primary" disabled={tour.isBusy} onClick={() => void tour.start(id)}>Start</button> <span class="quiet">{count(steps, 'step')}</span></p>
          </article>
        ))}
      </div>
    </>
  );
}

function Reading({ tour }: { tour: Tour }) {
  const { state, shown, isBusy } = tour;
  if (state === null) return null;
  const isDone = shown < state.done;
  const isLast = shown === state.steps.length - 1;
  // One button, which keeps the focus, whatever comes next.
  const go: { text: string; shape?: Shape; act: () => Promise<void> } = !isDone ? { text: 'Run it', shape: 'play', act: () => tour.run() } :
    isLast ? { text: 'Done', shape: 'done', act: () => tour.end() } : { text: 'Next', act: () => tour.read(shown + 1) };
  return (
    <>
      <header class="panel-header">
        <h2 id="tour-title">{state.title}</h2>
        <button type="button" class="small" disabled={isBusy} onClick={() => void tour.end()}>End the tour</button>
      </header>
      <ol class="progress" aria-label={`Step ${shown + 1} of ${state.steps.length}`}>
        {state.steps.map((step, i) => (
          <li key={i} class={i === shown ? 'shown' : i < state.done ? 'done' : ''}>
            <button type="button" title={step.title} aria-label={`Step ${i + 1}: ${step.title}`} aria-current={i === shown ? 'step' : undefined}
              disabled={i > state.done || isBusy} onClick={() => void tour.read(i)} />
          </li>
        ))}
      </ol>
      <div class="panel-body" tabIndex={0} role="group" aria-labelledby="tour-title">
        <TourStepText key={shown} step={state.steps[shown]} number={shown + 1} total={state.steps.length} isBusy={isBusy && !isDone} />
      </div>
      <footer class="tour-buttons">
        <button type="button" disabled={shown === 0 || isBusy} onClick={() => void tour.read(shown - 1)}>Back</button>
        <button type="button" class="primary" aria-disabled={isBusy} onClick={() => { if (!isBusy) void go.act(); }}>
          {go.shape !== undefined && <Icon shape={go.shape} />}{go.text}
        </button>
      </footer>
    </>
  );
}
