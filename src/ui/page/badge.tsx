import type { Branch } from '../protocol.js';

/** There are so many colours; a branch keeps its own by its id, whatever is added above it. */
const COLOURS = 8;

export function colourOf({ id }: Pick<Branch, 'id'>): string {
  return `branch-${id % COLOURS}`;
}

interface Props {
  branch: Branch;
  /** filled: what is seen; tinted: what is merged with it; struck: what is hidden. */
  kind?: 'filled' | 'tinted' | 'struck';
  /** With its name. */
  named?: boolean;
}

/** The number of a branch in its colour. */
export function Badge({ branch, kind = 'filled', named = false }: Props) {
  return (
    <span class={`badge ${kind} ${colourOf(branch)}`} title={`${branch.directory}=${branch.permission}`}>
      <span class="number">{branch.index}</span>{named && <span class="label">{branch.label}</span>}
    </span>
  );
}
