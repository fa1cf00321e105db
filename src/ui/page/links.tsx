import { useLayoutEffect, useState } from 'preact/hooks';
import { highlight } from './highlight.js';
import type { Model } from './model.js';
import { useStore } from './store.js';

interface Line {
  path: string;
  className: string;
}

/** Lines from the name under the pointer in the merged view to where it comes from. */
export function Links({ model }: { model: Model }) {
  useStore(highlight);
  const [lines, setLines] = useState<Line[]>([]);
  const key = highlight.key;
  useLayoutEffect(() => {
    const draw = (): void => setLines(key === null ? [] : linesOf(key));
    draw();
    document.addEventListener('scroll', draw, { capture: true, passive: true });
    addEventListener('resize', draw);
    return () => {
      document.removeEventListener('scroll', draw, { capture: true });
      removeEventListener('resize', draw);
    };
  }, [key, model.directories, model.at, model.directory]);
  return <svg class="links" aria-hidden="true">{lines.map(({ path, className }) => <path key={path} d={path} class={className} />)}</svg>;
}

/** Below the names to the edge of the layer, where nothing is crossed that could be read, and from there across. */
function way(from: DOMRect, edge: number, x: number, y: number): string {
  const start = from.left + Math.min(from.width / 2, 24);
  const below = from.bottom + 4;
  const bend = (x - edge) / 2;
  return `M${start} ${from.bottom + 1}q0 3 4 3H${edge}C${edge + bend} ${below} ${x - bend} ${y} ${x} ${y}`;
}

function linesOf(key: string): Line[] {
  const row = document.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`);
  const rows = row?.closest('.rows')?.getBoundingClientRect();
  const to = row?.querySelector('.twist')?.getBoundingClientRect();
  if (row === null || to === undefined || rows === undefined) return [];
  const y = to.top + to.height / 2;
  if (y < rows.top || y > rows.bottom) return [];
  return [...document.querySelectorAll<HTMLElement>(`.chip:is(.seen, .merged)[data-chip$="${CSS.escape(`:${key}`)}"]`)].flatMap((chip) => {
    const from = chip.getBoundingClientRect();
    const stack = chip.closest('.panel-body')?.getBoundingClientRect();
    // Where the merged view is not beside the layers there is no room for lines; nor is there to what is scrolled away.
    if (stack === undefined || rows.left < stack.right - 1 || from.bottom < stack.top || from.top > stack.bottom) return [];
    const slab = chip.closest('.slab');
    const edge = slab?.getBoundingClientRect().right ?? from.right;
    const colour = [...slab?.classList ?? []].find((name) => name.startsWith('branch-')) ?? '';
    return [{ path: way(from, edge, to.left - 1, y), className: `${colour}${chip.classList.contains('merged') ? ' merged' : ''}` }];
  });
}
