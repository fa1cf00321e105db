// What a mount adds to an event of its union, and what it does when they come faster than they can be told.
import { readFileSync } from 'node:fs';
import type { UnionEvent } from '../union/events.js';

/** So many events wait to be told at most; more are dropped, and counted. About 4 MB. */
export const MOST_EVENTS_WAITING = 8192;

/** The event with its time and its process, which may be gone when somebody reads it: so before the request is answered. */
export function asTold(event: UnionEvent): UnionEvent {
  return { ...event, ...processOf(event.pid), time: performance.timeOrigin + performance.now() };
}

export function lostEvents(count: number): UnionEvent {
  return { kind: 'lost', path: '', branch: '', pid: 0, count, time: performance.timeOrigin + performance.now() };
}

/** The kernel tells the thread: the process is what people know. */
function processOf(thread: number): { pid: number; command?: string } {
  const status = read(`/proc/${thread}/status`);
  if (thread === 0 || status === undefined) return { pid: thread };
  const pid = Number(/^Tgid:\t(\d+)$/m.exec(status)?.[1] ?? thread);
  const command = read(`/proc/${pid}/comm`);
  return command === undefined ? { pid } : { pid, command: command.replace(/\n$/, '') };
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
