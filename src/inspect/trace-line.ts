import type { UnionEvent } from '../union/events.js';

/** One event as a line for people: time of day, kind, who did it, and what. */
export function traceLine(event: UnionEvent): string {
  const columns = [timeOfDay(event.time), event.kind.padEnd(10), who(event).padEnd(16), what(event)];
  return `${columns.join('  ').trimEnd()}\n`;
}

/** One event as a line of JSON: the time in UTC, durations in milliseconds. */
export function traceJson({ time, ...event }: UnionEvent): string {
  const { path, branch, pid, kind, ...more } = event;
  const duration = more.duration === undefined ? {} : { duration: Number(more.duration.toFixed(3)) };
  const about = kind === 'lost' ? {} : { path, branch, ...more, ...duration, pid };
  const count = kind === 'lost' ? { count: event.count } : {};
  return `${JSON.stringify({ time: isoTime(time), kind, ...about, ...count })}\n`;
}

function what(event: UnionEvent): string {
  const path = printable(event.path);
  const branch = printable(event.branch);
  switch (event.kind) {
    case 'lookup': return `${path}  ${answerOf(event)}; asked ${list(event.asked)}; ${milliseconds(event)}`;
    case 'copy-up': return `${path}  ${plural(event.bytes ?? 0, 'byte')} from ${printable(event.from ?? '')} to ${branch}, ${milliseconds(event)}`;
    case 'move-down': return `${path}  ${plural(event.bytes ?? 0, 'byte')} from ${printable(event.from ?? '')} to ${branch}`;
    case 'rename':
    case 'link': return `${printable(event.from ?? '')} -> ${path}  on ${branch}`;
    case 'lost': return `${plural(event.count ?? 0, 'event')} came too fast to be told`;
    default: return `${path}  on ${branch}`;
  }
}

function answerOf({ result, branch, merged }: UnionEvent): string {
  if (result === 'missing') return 'nowhere';
  if (result === 'hidden') return `hidden by the whiteout on ${printable(branch)}`;
  return merged === undefined ? `on ${printable(branch)}` : `merged of ${list(merged)}`;
}

function list(branches: readonly string[] = []): string {
  return branches.map(printable).join(', ');
}

function who({ kind, command, pid }: UnionEvent): string {
  if (kind === 'lost') return '';
  if (pid === 0) return '?';
  return command === undefined ? `[${pid}]` : `${printable(command)}[${pid}]`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function milliseconds({ duration = 0 }: UnionEvent): string {
  return `${duration.toFixed(3)} ms`;
}

/** Local, with microseconds. */
function timeOfDay(time?: number): string {
  const { date, fraction } = parts(time);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction}`;
}

function isoTime(time?: number): string {
  const { date, fraction } = parts(time);
  return `${date.toISOString().slice(0, 19)}.${fraction}Z`;
}

/** To the microsecond, which is about what such a number can tell. */
function parts(time = Date.now()): { date: Date; fraction: string } {
  const microseconds = Math.round(time * 1000);
  return { date: new Date(Math.floor(microseconds / 1000)), fraction: String(microseconds % 1e6).padStart(6, '0') };
}

/** Names and commands are chosen by others: they make no lines of their own, and say nothing to a terminal. */
function printable(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
