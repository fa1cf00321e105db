import { highlight } from './highlight.js';
import { Icon } from './icon.js';
import type { Model } from './model.js';
import { PathLine } from './path-line.js';
import { Slab } from './slab.js';
import { useStore } from './store.js';

/** Names shown of a branch at once: enough to see what happens; the tree has them all. */
const NAMES = 48;

/** The branches as a stack, the uppermost first: the way a lookup goes. */
export function Layers({ model }: { model: Model }) {
  useStore(highlight);
  const union = model.unionShown();
  const directory = model.view().get(model.directory);
  const most = union === null || union.branches.length <= 16 ? NAMES : 12;
  return (
    <section class="layers panel" aria-labelledby="layers-title">
      <header class="panel-header">
        <h2 id="layers-title">Layers</h2>
        <PathLine model={model} />
      </header>
      <div class="panel-body">
        <p class="from-above"><Icon shape="eye" />A lookup goes from the top down</p>
        <ol class="stack" onKeyDown={moveFocus}>
          {union?.branches.map((branch) => <Slab key={branch.id} model={model} branch={branch} directory={directory} most={most} />)}
        </ol>
        <Legend />
      </div>
    </section>
  );
}

function Legend() {
  return (
    <p class="legend" aria-hidden="true">
      <span class="sample seen">seen</span><span class="sample merged">merged</span><span class="sample hidden">hidden</span>
      <span class="sample whiteout"><Icon shape="whiteout" />whiteout</span><span class="sample is-opaque">opaque</span>
    </p>
  );
}

/** Left and right among the names of a layer, up and down between layers. */
function moveFocus(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  const chip = (event.target as HTMLElement).closest<HTMLElement>('.chip');
  const layer = chip?.closest<HTMLElement>('.slab');
  if (!chip || !layer) return;
  const chips = [...layer.querySelectorAll<HTMLElement>('.chip')];
  const layers = [...event.currentTarget.querySelectorAll<HTMLElement>('.slab:has(.chip)')];
  const name = chip.dataset['chip']?.replace(/^\d+/, '') ?? '';
  const inLayer = (by: number): HTMLElement | undefined => {
    const next = layers[layers.indexOf(layer) + by] as HTMLElement | undefined;
    return next?.querySelector<HTMLElement>(`[data-chip$="${CSS.escape(name)}"]`) ?? next?.querySelector<HTMLElement>('.chip') ?? undefined;
  };
  const moves: Record<string, () => HTMLElement | undefined> = {
    ArrowLeft: () => chips[chips.indexOf(chip) - 1], ArrowRight: () => chips[chips.indexOf(chip) + 1],
    Home: () => chips[0], End: () => chips.at(-1), ArrowUp: () => inLayer(-1), ArrowDown: () => inLayer(1),
  };
  const move = Object.hasOwn(moves, event.key) ? moves[event.key] : undefined;
  if (move === undefined) return;
  event.preventDefault();
  move()?.focus();
}
