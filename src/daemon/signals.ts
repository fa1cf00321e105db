import type { Session } from '../fuse/adapter.js';
import { errorLine } from './error.js';
import type { Log } from './log.js';
import type { RunningMount } from './running.js';
import { removeState } from './state.js';

/**
 * Makes SIGTERM and SIGINT (and, in the foreground, SIGHUP) unmount: a busy mount is detached, and serves those
 * who have it open until they are done; a second signal ends the process at once.
 */
export function unmountOnSignals(mount: RunningMount, log: Log, background: boolean): void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    log('info', `${signal} received`);
    if (signals > 1) void leaveNow(mount);
    else void unmountOrDetach(mount.session, log);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', background ? () => undefined : onSignal);
}

async function unmountOrDetach(session: Session, log: Log): Promise<void> {
  try {
    await session.unmount({ lazy: false });
  } catch (error) {
    log('warn', 'still in use: detached, and ends when nobody uses it any more; a second signal ends it now', {
      error: errorLine(error),
    });
    await session.unmount({ lazy: true }).catch((again: unknown) => log('error', 'cannot be unmounted', { error: errorLine(again) }));
  }
}

/** How long the last attempt may take, in milliseconds, before the process ends without it. */
const lastAttempt = 1000;

async function leaveNow(mount: RunningMount): Promise<void> {
  const unmounted = mount.session.unmount({ lazy: true }).catch(() => undefined);
  await Promise.race([unmounted, new Promise((resolve) => setTimeout(resolve, lastAttempt))]);
  removeState(mount.directory);
  // process.exit() would wait for the thread that serves the mount, which waits for those who use it.
  process.kill(process.pid, 'SIGKILL');
}
