// How a change is seen to happen: a copy-up flies from its layer to the one above, a whiteout drops, what is made fades in and
// what is removed fades out. Things are measured before the change is drawn, and moved after it.

import type { Branch } from '../protocol.js';
import type { Change } from './change.js';
import { prefersStillness } from './pace.js';
import { type Key, lastOf, shownKey } from './paths.js';

const FLIGHT = 850;
const FADE = 520;
const GLOW = 1600;

type Place = Pick<DOMRect, 'left' | 'top' | 'width' | 'height'>;

/** A {@link Director} of model.ts. */
export function direct(change: Change, _branches: readonly Branch[]): () => void {
  if (document.hidden) return () => undefined;
  const { kind, key, branch, source, other } = change;
  const removed = kind === 'unlink' || kind === 'rmdir' ? chip(branch, key) : kind === 'unwhiteout' ? chip(branch, key, '.whiteout') : null;
  const origin = (kind === 'copy-up' || kind === 'move-down') && source !== undefined ? chip(source, key) ?? slab(source) : kind === 'rename' && other !== undefined ? chip(branch, other) : null;
  const from = (origin ?? removed)?.getBoundingClientRect();
  const ghost = from === undefined ? null : ghostOf(origin ?? removed, key, branch);
  return () => {
    const target = kind === 'whiteout' ? chip(branch, key, '.whiteout') : chip(branch, key);
    glow(target ?? slab(branch), 1);
    glow(row(key), -2);
    if (prefersStillness()) return;
    if (ghost !== null && from !== undefined && origin !== null) fly(ghost, from, target ?? slab(branch), target);
    else if (ghost !== null && from !== undefined) fade(ghost, from, kind === 'unwhiteout');
    else if (kind === 'whiteout') drop(target);
    else appear(target);
  };
}

function chip(branch: number, key: Key, more = ''): HTMLElement | null {
  return document.querySelector<HTMLElement>(`${more}[data-chip="${CSS.escape(`${branch}:${key}`)}"]`);
}

function slab(branch: number): HTMLElement | null {
  return document.querySelector<HTMLElement>(`[data-slab="${branch}"] header`);
}

function row(key: Key): HTMLElement | null {
  return document.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`);
}

/** What is seen to move: a picture of the name, which nobody can touch. */
function ghostOf(of: HTMLElement | null, key: Key, branch: number): HTMLElement {
  const isChip = of?.classList.contains('chip') === true;
  const ghost = isChip ? of.cloneNode(true) as HTMLElement : document.createElement('span');
  if (!isChip) ghost.textContent = shownKey(lastOf(key));
  const colour = [...document.querySelector(`[data-slab="${branch}"]`)?.classList ?? []].find((name) => name.startsWith('branch-'));
  ghost.className = `chip ghost ${isChip ? of.className.replace(/\b(chip|lit|looked|selected|hidden)\b/g, '') : 'seen'} ${colour ?? ''}`;
  for (const name of ['data-chip', 'tabindex', 'title', 'aria-label', 'aria-pressed']) ghost.removeAttribute(name);
  ghost.setAttribute('aria-hidden', 'true');
  return ghost;
}

function put(ghost: HTMLElement, { left, top }: Place): void {
  ghost.style.left = `${left}px`;
  ghost.style.top = `${top}px`;
  document.body.append(ghost);
}

function fly(ghost: HTMLElement, from: Place, to: HTMLElement | null, target: HTMLElement | null): void {
  if (to === null) return;
  const end = to.getBoundingClientRect();
  put(ghost, from);
  const [x, y] = [end.left - from.left, end.top - from.top];
  const motion = ghost.animate([
    { transform: 'none' },
    { transform: `translate(${x / 2 + 28}px, ${y / 2}px) scale(1.12)`, offset: 0.5 },
    { transform: `translate(${x}px, ${y}px)` },
  ], { duration: FLIGHT, easing: 'cubic-bezier(.5, 0, .2, 1)' });
  target?.animate([{ opacity: 0 }, { opacity: 0, offset: 0.85 }, { opacity: 1 }], FLIGHT);
  motion.onfinish = motion.oncancel = () => ghost.remove();
}

function fade(ghost: HTMLElement, from: Place, upwards: boolean): void {
  put(ghost, from);
  const motion = ghost.animate([
    { opacity: 1, transform: 'none' }, { opacity: 0, transform: upwards ? 'translateY(-22px)' : 'scale(.8)' },
  ], { duration: FADE, easing: 'ease-in' });
  motion.onfinish = motion.oncancel = () => ghost.remove();
}

function drop(target: HTMLElement | null): void {
  target?.animate([
    { opacity: 0, transform: 'translateY(-34px)' }, { opacity: 1, transform: 'translateY(3px)', offset: 0.7 }, { transform: 'none' },
  ], { duration: FADE, easing: 'cubic-bezier(.4, 0, .8, 1)' });
}

function appear(target: HTMLElement | null): void {
  target?.animate([{ opacity: 0, transform: 'scale(.85)' }, { opacity: 1, transform: 'none' }], { duration: FADE, easing: 'ease-out' });
}

/** Without any motion: says where to look. */
function glow(element: HTMLElement | null, offset: number): void {
  const outlineOffset = `${offset}px`;
  const lit = { outline: '2px solid var(--accent)', outlineOffset };
  element?.animate([lit, { ...lit, offset: 0.6 }, { outline: '2px solid transparent', outlineOffset }], GLOW);
}
