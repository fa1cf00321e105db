import { useEffect, useState } from 'preact/hooks';
import { Header, type Shown } from './header.js';
import { Keys } from './keys.js';
import type { Model } from './model.js';
import { Notice } from './notice.js';
import { useStore } from './store.js';
import type { Tour } from './tour.js';
import { TourPanel } from './tour-panel.js';
import { UnionView } from './union-view.js';

export function App({ mount, tour }: { mount: Model; tour: Tour }) {
  useStore(mount);
  useStore(tour);
  const isTourOnly = mount.union !== null && mount.union.mountpoint === null;
  const [chosen, setChosen] = useState<Shown>('mount');
  const [areKeysShown, setKeysShown] = useState(false);
  const shown = isTourOnly ? 'tour' : chosen;
  const model = shown === 'tour' ? tour.model : mount;
  useStore(model);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key === '?' && !event.ctrlKey && !event.altKey && !event.metaKey) setKeysShown(true);
      else if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) void model?.explain(null);
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [model]);
  const classes = ['page', shown === 'tour' && 'touring', model !== null && model.selected !== null && 'explaining', model !== null && model.at !== null && 'replaying', model === null && 'lessons'];
  return (
    <>
      <div class={classes.filter(Boolean).join(' ')}>
        <Header mount={mount} shown={shown} show={setChosen} showKeys={() => setKeysShown(true)} hasTree={model !== null && model.union !== null} />
        <Notice model={model ?? mount} />
        <main>
          {shown === 'tour' && <TourPanel tour={tour} lessons={mount.union?.lessons ?? []} />}
          {model !== null && <UnionView key={model.which} model={model} />}
        </main>
      </div>
      <Keys isOpen={areKeysShown} close={() => setKeysShown(false)} />
    </>
  );
}
