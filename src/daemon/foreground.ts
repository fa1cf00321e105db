import { raiseNofile } from '../posix/limits.js';
import { loadAdapter } from './adapters.js';
import type { BackgroundRequest } from './background.js';
import { tuneCompiler } from './compiler.js';
import { stderrLog } from './log.js';
import { notifySystemd } from './notify.js';
import { runMount } from './running.js';
import { unmountOnSignals } from './signals.js';

/**
 * Mounts and serves in this process, with the log on standard error, until the mount has ended. A service of systemd's of
 * Type=notify is ready once it is mounted.
 * @returns why the file system failed, undefined when it was unmounted
 * @throws MountError or the adapter's error, nothing left behind
 */
export async function mountInForeground(request: Omit<BackgroundRequest, 'state'>): Promise<string | undefined> {
  const { union, mount } = request.options;
  const { log, setVerbose } = stderrLog(union.verbose);
  // Every open file of the union takes a descriptor.
  raiseNofile();
  const running = await runMount({
    mountpoint: request.mountpoint,
    source: request.source,
    union,
    flags: mount,
    adapter: await loadAdapter(request.adapter),
    log,
    setVerbose,
    state: undefined,
  });
  tuneCompiler();
  unmountOnSignals(running, log, false);
  notifySystemd(running.mountpoint, log);
  return running.ended;
}
