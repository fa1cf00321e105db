import { lostEvents } from '../fuse/told-event.js';
import { TraceFilter, type TraceWish } from '../inspect/trace-filter.js';
import type { UnionEvent } from '../union/events.js';
import type { ControlRequest, Outlet } from './control.js';
import { MountError } from './error.js';
import type { EventHub } from './event-hub.js';

/**
 * The control command `events`: each event that the filter lets through is a line `{"event":…}` until the connection is
 * closed. A reader that is too slow loses events, and is told how many.
 */
export function subscribe(request: ControlRequest, hub: EventHub, outlet: Outlet): void {
  const filter = new TraceFilter(wishOf(request));
  let lost = 0;
  const listener = (event: UnionEvent): void => {
    if (event.kind === 'lost') lost += event.count ?? 0;
    else if (!filter.takes(event)) return;
    else if (lost > 0 || !outlet.send({ event })) lost++;
    // What was lost on the way here can be told at once.
    if (event.kind === 'lost') tellLost();
  };
  const tellLost = (): void => {
    if (lost === 0) return;
    if (outlet.send({ event: lostEvents(lost) })) lost = 0;
  };
  outlet.onRoom(tellLost);
  outlet.onClose(() => hub.leave(listener));
  hub.listen(listener, filter.wants('lookup'));
}

/** @throws MountError for what is no such request */
function wishOf(request: ControlRequest): TraceWish {
  const wish: TraceWish = {};
  for (const name of ['kinds', 'except', 'paths'] as const) {
    const list = request[name];
    if (list === undefined) continue;
    if (!Array.isArray(list) || !list.every((one) => typeof one === 'string')) throw new MountError(`"${name}" must be a list of texts`);
    wish[name] = list;
  }
  return wish;
}
