import { useEffect, useState } from 'preact/hooks';
import { EventLine, EVENT } from './event-line.js';
import { Icon, type Shape } from './icon.js';
import type { Model } from './model.js';
import { useWindow } from './use-window.js';

/** Between two steps that are played, in milliseconds. */
const PLAY = 1100;

/** What happened since the page was opened, to be gone through step by step. */
export function Timeline({ model }: { model: Model }) {
  const { steps } = model.history;
  const [isPlaying, setPlaying] = useState(false);
  const at = steps.findIndex(({ number }) => number === model.at);
  const list = useWindow(steps.length, EVENT);
  useEffect(() => { list.show(at >= 0 ? at : steps.length - 1); }, [at, steps.length]);

  const go = (index: number): void => {
    const all = model.history.steps;
    void model.goTo(index < 0 ? (all.at(0)?.number ?? 1) - 1 : all[Math.min(index, all.length - 1)].number);
  };
  // Of now, not of when this was drawn: keys may come faster than that.
  const position = (): number => model.at === null ? model.history.steps.length : model.history.steps.findIndex(({ number }) => number === model.at);
  const previous = (): void => go(position() - 1);
  const next = (): void => { if (model.at !== null) go(position() + 1); };
  const isAtEnd = model.at === null || at === steps.length - 1;
  const play = (): void => {
    if (!isPlaying && isAtEnd) go(-1);
    setPlaying(!isPlaying);
  };
  useEffect(() => {
    if (!isPlaying) return;
    if (isAtEnd && at === steps.length - 1) return setPlaying(false);
    const timer = setTimeout(next, PLAY);
    return () => clearTimeout(timer);
  }, [isPlaying, model.at]);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || steps.length === 0) return;
      if (event.key === '[') previous();
      else if (event.key === ']') next();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });
  const onListKey = (event: KeyboardEvent): void => {
    const keys: Record<string, () => void> = {
      ArrowUp: previous, ArrowLeft: previous, ArrowDown: next, ArrowRight: next, Home: () => go(0), End: () => go(steps.length - 1), ' ': play,
      Escape: () => void model.goTo(null),
    };
    if (!Object.hasOwn(keys, event.key) || steps.length === 0) return;
    event.preventDefault();
    keys[event.key]();
  };
  const isEmpty = steps.length === 0;

  return (
    <section class="timeline panel" aria-labelledby="timeline-title">
      <header class="panel-header">
        <h2 id="timeline-title">Timeline</h2>
        <div class="controls" role="toolbar" aria-label="Replay">
          <Control shape="first" label="Before the first event" disabled={isEmpty} act={() => go(-1)} />
          <Control shape="previous" label="Previous event" disabled={isEmpty || model.at !== null && at < 0} act={previous} />
          <Control shape={isPlaying ? 'pause' : 'play'} label={isPlaying ? 'Pause' : 'Play'} disabled={isEmpty} act={play} />
          <Control shape="next" label="Next event" disabled={isAtEnd} act={next} />
        </div>
        {model.at === null ?
          <span class="quiet now">{isEmpty ? 'Nothing has happened yet' : 'as it is now'}</span> :
          <span class="now"><strong>{at < 0 ? 'Before the first event' : `Event ${at + 1} of ${steps.length}`}</strong>
            <button type="button" class="small" onClick={() => { setPlaying(false); void model.goTo(null); }}>Back to now</button></span>}
      </header>
      {isEmpty && <p class="empty">Change something below <code>{model.union?.mountpoint ?? 'the mount point'}</code>, and see here what it does.</p>}
      <div class="events" role="listbox" tabIndex={0} aria-labelledby="timeline-title" ref={list.ref} onScroll={list.onScroll} onKeyDown={onListKey}
        aria-activedescendant={at >= list.start && at < list.end ? `event-${at}` : undefined}>
        <div class="all-rows" style={{ height: `${steps.length * EVENT}px` }}>
          {steps.slice(list.start, list.end).map((step, i) => (
            <EventLine key={step.number} step={step} index={list.start + i} total={steps.length} isShown={step.number === model.at} choose={() => go(list.start + i)} />
          ))}
        </div>
      </div>
    </section>
  );
}

function Control({ shape, label, disabled, act }: { shape: Shape; label: string; disabled: boolean; act: () => void }) {
  return <button type="button" class="plain" title={label} aria-label={label} disabled={disabled} onClick={act}><Icon shape={shape} /></button>;
}
