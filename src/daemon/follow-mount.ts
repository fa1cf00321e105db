import { followControl } from './control.js';
import { findRunning } from './find-running.js';
import { mountAt } from './mount-table.js';

/** How often it is looked whether the union is still mounted, in milliseconds: detached it goes on for those who use it. */
const LOOK_EVERY = 500;

/**
 * Yields whenever the branches or options of a mounted union have changed, until it is unmounted or `signal` is given. Costs
 * the union nothing.
 * @param mountpoint as resolveMountpoint() gives it
 * @throws MountError not mounted, not permitted, or why the mount failed
 */
export async function* followMount(mountpoint: string, signal: AbortSignal, begun: () => void): AsyncGenerator<void> {
  const { directory } = findRunning(mountpoint);
  const device = mountAt(mountpoint)?.device;
  const over = new AbortController();
  const end = (): void => over.abort();
  const timer = setInterval(() => {
    if (mountAt(mountpoint)?.device !== device) end();
  }, LOOK_EVERY);
  signal.addEventListener('abort', end);
  try {
    for await (const _ of followControl(directory, { command: 'watch' }, over.signal, begun)) yield;
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', end);
  }
}
