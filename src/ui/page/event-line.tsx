import { Badge } from './badge.js';
import type { Step } from './history.js';
import { Icon } from './icon.js';
import { printable } from './paths.js';
import { bytesText, count, kindShapes, kindTitles, timeOfDay } from './words.js';

/** Pixels; page.css has the same. */
export const EVENT = 28;

interface Props {
  step: Step;
  index: number;
  total: number;
  isShown: boolean;
  choose: () => void;
}

/** An event of the timeline. */
export function EventLine({ step: { event, change, union: { branches } }, index, total, isShown, choose }: Props) {
  const { kind, path, from = '', pid, command, bytes } = event;
  const source = change?.source;
  return (
    <div id={`event-${index}`} role="option" class={`event ${kind}${isShown ? ' shown' : ''}`} style={{ top: `${index * EVENT}px` }} data-kind={kind}
      aria-selected={isShown} aria-posinset={index + 1} aria-setsize={total} title={kindTitles[kind]} onClick={choose}>
      <time>{timeOfDay(event.time)}</time>
      <span class="kind"><Icon shape={kindShapes[kind]} />{kind}</span>
      <span class="path">
        {kind === 'lost' ? count(event.count ?? 0, 'event') : <>{(kind === 'rename' || kind === 'link') && `${printable(from)} → `}{printable(path)}</>}
      </span>
      <span class="where">
        {source !== undefined && source < branches.length && <><Badge branch={branches[source]} named /><Icon shape="move" /></>}
        {change !== null && change.branch < branches.length && <Badge branch={branches[change.branch]} named />}
        {bytes !== undefined && bytes > 0 && <span class="quiet">{bytesText(bytes)}</span>}
      </span>
      <span class="who">{kind === 'lost' ? '' : pid === 0 ? '?' : `${printable(command ?? '')}[${pid}]`}</span>
    </div>
  );
}
