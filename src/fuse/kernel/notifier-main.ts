/** The notifying thread's main module. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { eventfdTake, poll, POLL } from '../../posix/event.js';
import { type Invalidation, Notifier } from './notification.js';
import { type NotifierStart, READY, STOP } from './notifier-thread.js';

/**
 * Milliseconds after which a name is expired once more: a lookup of it that was being answered when it changed may have
 * renewed it just after the first time (the kernel holds no lock while it revalidates a name).
 */
const ONCE_MORE_AFTER = 10;

const { port, signal, fd, state } = workerData as NotifierStart;
const notifier = new Notifier(fd);
let onceMore: Invalidation[] = [];
let due = 0;

Atomics.store(state, READY, 1);
while (Atomics.load(state, STOP) === 0) {
  poll([{ fd: signal, events: POLL.IN }], onceMore.length === 0 ? -1 : Math.max(0, due - performance.now()));
  eventfdTake(signal);
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: Invalidation } | undefined;
    if (received === undefined) break;
    write(received.message);
  }
  if (onceMore.length > 0 && performance.now() >= due) {
    for (const what of onceMore) notifier.send(what);
    onceMore = [];
  }
}
port.close();

function write(what: Invalidation): void {
  notifier.send(what);
  if (what.kind !== 'entry' || what.expire !== true) return;
  if (onceMore.length === 0) due = performance.now() + ONCE_MORE_AFTER;
  onceMore.push(what);
}
