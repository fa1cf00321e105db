import { useEffect, useRef } from 'preact/hooks';
import type { Branch, Explanation } from '../protocol.js';
import { Badge } from './badge.js';
import { ExplainedLayer } from './explained-layer.js';
import { Icon } from './icon.js';
import type { Model } from './model.js';
import { shownKey } from './paths.js';
import { Plan } from './plan.js';

/** Why the union shows of a path what it shows, and what a change of it would do. */
export function ExplainPanel({ model }: { model: Model }) {
  const panel = useRef<HTMLElement>(null);
  const { selected, explanation } = model;
  useEffect(() => {
    // Where it lies below the rest.
    if (selected !== null && matchMedia('(max-width: 719px)').matches) panel.current?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  if (selected === null) return null;
  const branches = model.union?.branches ?? [];
  return (
    <section class="explain panel" aria-labelledby="explain-title" aria-busy={explanation === null} ref={panel}
      onKeyDown={(event) => { if (event.key === 'Escape') void model.explain(null); }}>
      <header class="panel-header">
        <h2 id="explain-title"><span class="quiet">Explain </span><span class="path">{shownKey(selected)}</span></h2>
        <button type="button" class="plain" aria-label="Close the explanation" onClick={() => void model.explain(null)}><Icon shape="close" /></button>
      </header>
      <div class="panel-body" tabIndex={0} role="group" aria-labelledby="explain-title">
        {model.at !== null && <p class="note">This is how it is now, not at the step of the timeline.</p>}
        {typeof explanation === 'string' && <p class="error">{explanation}</p>}
        {explanation !== null && typeof explanation !== 'string' && <Told told={explanation} branches={branches} />}
      </div>
    </section>
  );
}

function Told({ told, branches }: { told: Explanation; branches: readonly Branch[] }) {
  return (
    <>
      <p class="verdict"><Verdict told={told} branches={branches} /></p>
      <h3>On each layer, from the top</h3>
      <ol class="explained">
        {told.layers.map((layer) => layer.branch < branches.length &&
          <ExplainedLayer key={layer.branch} layer={layer} path={told.path} branches={branches} />)}
      </ol>
      {told.actions.length > 0 && <h3>What a change would do</h3>}
      <dl class="plans">
        {told.actions.map((action) => <Plan key={action.action} action={action} branches={branches} />)}
      </dl>
    </>
  );
}

function Verdict({ told: { type, branch, error, failsAt, path, layers, pseudoLink }, branches }: { told: Explanation; branches: readonly Branch[] }) {
  if (branch !== null && branch < branches.length) {
    const merged = layers.filter(({ state, branch: each }) => state === 'merged' && each < branches.length);
    return (
      <>
        The union shows the {type} of <Badge branch={branches[branch]} named />
        {pseudoLink && ', where its file was copied up under another of its names'}
        {merged.length > 0 && <>, merged with {merged.map((layer) => <Badge key={layer.branch} branch={branches[layer.branch]} kind="tinted" named />)}</>}.
      </>
    );
  }
  if (error === 'EPERM') return <>Names that begin with .wh. are AUFS’s own; nobody may use them (EPERM).</>;
  if (error === 'ENOTDIR') return <>The union shows nothing here: {failsAt} is no directory (ENOTDIR).</>;
  if (error === 'ENOENT') return <>The union shows nothing here{failsAt === path ? '' : `, nor at ${failsAt ?? ''}`} (ENOENT).</>;
  return <>The union shows nothing here ({error}).</>;
}
