import type { TraceWish } from '../inspect/trace-filter.js';
import type { UnionEvent } from '../union/events.js';
import { followControl } from './control.js';
import { findRunning } from './find-running.js';
import { resolveMountpoint } from './mountpoint.js';

/**
 * The events of a mounted union, whichever process serves it, until it is unmounted or `signal` is given.
 * @param begun called, with the mount point, when no event is missed any more
 * @throws MountError not mounted, not permitted, or why the mount failed
 */
export async function* followTrace(
  written: string, wish: TraceWish, signal: AbortSignal, begun: (mountpoint: string) => void,
): AsyncGenerator<UnionEvent> {
  const { directory, state } = findRunning(resolveMountpoint(written));
  const lines = followControl(directory, { command: 'events', ...wish }, signal, () => begun(state.mountpoint));
  for await (const { event } of lines) yield event as UnionEvent;
}
