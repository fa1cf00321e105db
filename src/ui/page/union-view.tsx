import { useEffect } from 'preact/hooks';
import { ExplainPanel } from './explain-panel.js';
import { Layers } from './layers.js';
import { Links } from './links.js';
import type { Model } from './model.js';
import { Spoken } from './spoken.js';
import { direct } from './stage.js';
import { useStore } from './store.js';
import { Timeline } from './timeline.js';
import { Tree } from './tree.js';

/** One union: its layers, the merged view, what is explained, and what happened. */
export function UnionView({ model }: { model: Model }) {
  useStore(model);
  useEffect(() => {
    model.director = direct;
    return () => { model.director = null; };
  }, [model]);
  if (model.union === null) {
    return model.connection === 'connecting' ? <p class="loading" role="status">Looking at the union …</p> : null;
  }
  return (
    <>
      <Layers model={model} />
      <Tree model={model} />
      <ExplainPanel model={model} />
      <Timeline model={model} />
      <Links model={model} />
      <Spoken model={model} />
    </>
  );
}
