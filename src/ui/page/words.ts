import type { EntryType, TraceEvent } from '../protocol.js';
import type { Shape } from './icon.js';

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toFixed(1))} ${units[unit]}`;
}

export function count(number: number, one: string, more = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : more}`;
}

/** Local, to the millisecond. */
export function timeOfDay(iso: string): string {
  const date = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** `2026-11-21 13:17:03`, as the branch has it, in UTC. */
export function dateText(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$/, '');
}

export function typeText(type: EntryType | null): string {
  return type ?? 'nothing';
}

type Kind = TraceEvent['kind'];

export const kindShapes: Record<Kind, Shape> = {
  'lookup': 'search', 'copy-up': 'up', 'move-down': 'down', 'whiteout': 'whiteout', 'unwhiteout': 'whiteout', 'opaque': 'opaque', 'create': 'plus',
  'mkdir': 'plus', 'rename': 'move', 'unlink': 'minus', 'rmdir': 'minus', 'link': 'plus', 'lost': 'close',
};

export const kindTitles: Record<Kind, string> = {
  'lookup': 'A name was searched on the branches',
  'copy-up': 'Copied from a lower branch, because it is about to be changed',
  'move-down': 'Moved to a lower branch, by tsaufs mvdown',
  'whiteout': 'A whiteout was made: the name is hidden on all branches below',
  'unwhiteout': 'A whiteout was removed: the name is there again',
  'opaque': 'The directory was marked opaque: it hides what lies below it',
  'create': 'Made', 'mkdir': 'A directory was made', 'rename': 'Renamed', 'link': 'Another name was made for a file',
  'unlink': 'Removed', 'rmdir': 'A directory was removed',
  'lost': 'Events came too fast to be told',
};

/** One event in a sentence, for those who hear the page. */
export function spoken(event: TraceEvent, labelOf: (directory: string) => string): string {
  const { kind, path, from = '', branch } = event;
  switch (kind) {
    case 'copy-up': return `${path} copied up from ${labelOf(from)} to ${labelOf(branch)}`;
    case 'move-down': return `${path} moved down from ${labelOf(from)} to ${labelOf(branch)}`;
    case 'rename': return `${from} renamed to ${path}`;
    case 'link': return `${path} linked to ${from}`;
    case 'lost': return count(event.count ?? 0, 'event was', 'events were') + ' lost';
    case 'lookup': return `${path} looked up`;
    case 'whiteout': return `whiteout of ${path} made on ${labelOf(branch)}`;
    case 'unwhiteout': return `whiteout of ${path} removed from ${labelOf(branch)}`;
    case 'opaque': return `${path} made opaque on ${labelOf(branch)}`;
    case 'create':
    case 'mkdir': return `${path} made on ${labelOf(branch)}`;
    case 'unlink':
    case 'rmdir': return `${path} removed`;
  }
}
