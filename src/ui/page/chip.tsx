import type { Branch } from '../protocol.js';
import { highlight, lights } from './highlight.js';
import { Icon, typeShape } from './icon.js';
import type { Chip as Contents } from './slabs.js';
import { printable } from './paths.js';

interface Props {
  branch: Branch;
  chip: Contents;
  isLooked: boolean;
  isSelected: boolean;
  /** Where Tab stops in its layer. */
  isStop: boolean;
  choose: () => void;
}

const told = {
  seen: 'seen', merged: 'merged', hidden: 'hidden', whiteout: 'whiteout: hides the name below',
  'ignored-whiteout': 'whiteout that does not count here',
};

/** An entry as it lies on one branch. */
export function Chip({ branch, chip: { key, entry, state, type, isOpaque }, isLooked, isSelected, isStop, choose }: Props) {
  const isMark = state === 'whiteout' || state === 'ignored-whiteout';
  const name = printable(entry.name);
  const isLit = highlight.key === key;
  const classes = ['chip', state, isLit && 'lit', isLooked && 'looked', isSelected && 'selected', isOpaque && 'is-opaque'];
  return (
    <button type="button" class={classes.filter(Boolean).join(' ')} data-chip={`${branch.index}:${key}`} tabIndex={isStop ? 0 : -1}
      title={`${isMark ? '.wh.' : ''}${name}: ${told[state]} on ${branch.label}${isOpaque ? ', opaque: hides what is below' : ''}`}
      aria-label={`${isMark ? '.wh.' : ''}${name}${isOpaque ? ' opaque' : ''}, ${told[state]}`} aria-pressed={isSelected}
      onClick={choose} onFocus={() => highlight.set(key)} onBlur={() => highlight.set(null)} {...lights(key)}>
      <Icon shape={isMark ? 'whiteout' : typeShape(type)} />
      <span class="name">{isMark && <span class="prefix">.wh.</span>}{name}</span>
      {isOpaque && <span class="tag">opaque</span>}
    </button>
  );
}
