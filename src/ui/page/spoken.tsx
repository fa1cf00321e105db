import { useEffect, useState } from 'preact/hooks';
import type { Model } from './model.js';
import { useStore } from './store.js';
import { count, spoken } from './words.js';

/** Between two announcements, in milliseconds. */
const QUIET = 900;

/** Tells those who hear the page what happens: one sentence at a time. */
export function Spoken({ model }: { model: Model }) {
  useStore(model);
  const [text, setText] = useState('');
  const [told, setTold] = useState(0);
  const step = model.stepShown();
  const newest = model.history.steps.at(-1)?.number ?? 0;
  const labelOf = (directory: string): string => model.union?.branches.find((branch) => branch.directory === directory)?.label ?? directory;
  useEffect(() => {
    if (step !== undefined) return setText(`Event ${step.number}: ${spoken(step.event, labelOf)}`);
    if (newest <= told) return;
    const timer = setTimeout(() => {
      const fresh = model.history.steps.filter(({ number, event }) => number > told && event.kind !== 'lookup');
      const last = fresh.slice(-3).map(({ event }) => spoken(event, labelOf)).join('; ');
      if (last !== '') setText(fresh.length > 3 ? `${count(fresh.length - 3, 'event')}, then ${last}` : last);
      setTold(newest);
    }, QUIET);
    return () => clearTimeout(timer);
  }, [newest, told, step]);
  return <div class="unseen" role="status" aria-live="polite">{text}</div>;
}
