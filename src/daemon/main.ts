/**
 * The background process of one mount. It is started by `tsaufs mount` (background.ts), takes its request as the
 * first message, answers with one, and then lives as long as the mount.
 */
import { once } from 'node:events';
import { openSync } from 'node:fs';
import type { Adapter } from '../fuse/adapter.js';
import { loadAdapter } from './adapters.js';
import type { BackgroundReply, BackgroundRequest } from './background.js';
import { tuneCompiler } from './compiler.js';
import { raiseNofile } from '../posix/limits.js';
import { errorLine } from './error.js';
import { LateLog } from './late-log.js';
import { runMount, type RunningMount } from './running.js';
import { unmountOnSignals } from './signals.js';

const [request] = await once(process, 'message') as [BackgroundRequest];
const logFile = openSync(request.state.log, 'a');
const late = new LateLog();
const { log, setVerbose } = late;
const adapter = await adapterOrReply();
const mounting = mountOrReply(adapter);
// While the thread that serves the mount starts: loading pino takes a quarter of that time.
const { fileLog } = await import('./log.js');
late.open(fileLog(logFile, request.options.union.verbose));

// Every open file of the union takes a descriptor.
raiseNofile();

process.on('uncaughtException', (error) => {
  log('error', 'internal error', { error: error.stack ?? errorLine(error) });
  // Not process.exit(): it would wait for the thread that serves the mount.
  process.kill(process.pid, 'SIGKILL');
});

const mounted = await mounting;
tuneCompiler();
unmountOnSignals(mounted, log, true);
await reply({ ready: true });
const failure = await mounted.ended;
process.exit(failure === undefined ? 0 : 1);

async function adapterOrReply(): Promise<Adapter> {
  try {
    return await loadAdapter(request.adapter);
  } catch (error) {
    return giveUp(error);
  }
}

async function mountOrReply(adapter: Adapter): Promise<RunningMount> {
  const { union, mount, warnings } = request.options;
  try {
    for (const warning of warnings) log('warn', warning);
    return await runMount({
      mountpoint: request.mountpoint,
      source: request.source,
      union,
      flags: mount,
      adapter,
      log,
      setVerbose,
      state: request.state,
    });
  } catch (error) {
    return giveUp(error);
  }
}

async function giveUp(error: unknown): Promise<never> {
  await reply({ ready: false, error: errorLine(error) });
  process.exit(1);
}

/** The starter may be gone by now; the mount lives on all the same. */
function reply(message: BackgroundReply): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) {
      resolve();
      return;
    }
    process.send!(message, undefined, undefined, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}
