import { Icon } from './icon.js';
import type { Model } from './model.js';

export type Shown = 'mount' | 'tour';

interface Props {
  /** Null where the page is for the tour only. */
  mount: Model | null;
  shown: Shown;
  show: (what: Shown) => void;
  showKeys: () => void;
  hasTree: boolean;
}

const states = { connecting: 'connecting …', live: 'live', lost: 'connection lost', refused: 'not connected', quit: 'not connected', ended: 'unmounted' };

/** What is looked at, and whether the page sees how it is now. */
export function Header({ mount, shown, show, showKeys, hasTree }: Props) {
  const union = mount?.union;
  return (
    <header class="top">
      {hasTree && <a class="skip" href="#tree" onClick={toTree}>Skip to the merged view</a>}
      <h1><Stack />tsaufs</h1>
      {union?.mountpoint !== undefined && union.mountpoint !== null && (
        <nav class="tabs" aria-label="What to look at">
          <button type="button" aria-current={shown === 'mount' ? 'page' : undefined} onClick={() => show('mount')} title={union.options}><span class="mountpoint">{union.mountpoint}</span></button>
          <button type="button" aria-current={shown === 'tour' ? 'page' : undefined} onClick={() => show('tour')}><Icon shape="tour" />Guided tour</button>
        </nav>
      )}
      {union?.readonly && <span class="quiet">mounted read-only</span>}
      {shown === 'mount' && mount !== null && <span class={`connection ${mount.connection}`}><span class="dot" />{states[mount.connection]}</span>}
      <button type="button" class="plain" onClick={showKeys} aria-label="Keys" title="Keys (?)"><kbd>?</kbd></button>
    </header>
  );
}

/** The address stays as it is. */
function toTree(event: Event): void {
  event.preventDefault();
  document.getElementById('tree')?.focus();
}

function Stack() {
  return (
    <svg class="logo" viewBox="0 0 16 16" aria-hidden="true">
      <path class="branch-0" d="M8 1 15 4.5 8 8 1 4.5z" /><path class="branch-1" d="m1 8 7 3.5L15 8l-2-1-5 2.5L3 7z" />
      <path class="branch-2" d="m1 11.5 7 3.5 7-3.5-2-1-5 2.5-5-2.5z" />
    </svg>
  );
}
