import { fork } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParsedMount } from '../options/mount.js';
import type { AdapterName } from './adapters.js';
import { MountError } from './error.js';
import { createStateDirectory, removeState } from './state.js';

/** What the command line asks the background process for. */
export interface BackgroundRequest {
  mountpoint: string;
  source: string;
  options: ParsedMount;
  adapter: AdapterName;
  state: { directory: string; log: string };
}

export type BackgroundReply = { ready: true } | { ready: false; error: string };

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/**
 * Starts the background process of a mount, and returns once the mount answers.
 * @throws MountError with the line that the background process gave as its reason, nothing left behind
 */
export async function mountInBackground(
  request: Omit<BackgroundRequest, 'state'>, main = program,
): Promise<void> {
  const directory = createStateDirectory();
  const log = path.join(directory, 'log');
  const output = openSync(log, 'a', 0o600);
  try {
    const reply = await startProcess(main, { ...request, state: { directory, log } }, output);
    if (!reply.ready) throw new MountError(reply.error);
  } catch (error) {
    removeState(directory);
    throw error;
  } finally {
    closeSync(output);
  }
}

function startProcess(main: string, request: BackgroundRequest, output: number): Promise<BackgroundReply> {
  return new Promise((resolve, reject) => {
    const child = fork(main, [], {
      detached: true,
      cwd: '/',
      execArgv: [],
      stdio: ['ignore', output, output, 'ipc'],
      serialization: 'advanced',
    });
    child.once('error', (error) => reject(new MountError(`the background process cannot be started: ${error.message}`)));
    child.once('exit', (status, signal) => reject(new MountError(
      `the background process ended with ${signal ?? `status ${status}`} before the mount was ready${lastWords(request.state.log)}`,
    )));
    child.once('message', (reply) => {
      resolve(reply as BackgroundReply);
      child.removeAllListeners('exit');
      child.disconnect();
      child.unref();
    });
    child.send(request, (error) => {
      // A process that died at once: its exit is the better reason.
      if (error && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    });
  });
}

/** What a crashed process said last, so that the log need not be kept for it. */
function lastWords(log: string): string {
  const lines = readFileSync(log, 'utf8').split('\n').map((line) => line.trim());
  const error = lines.findLast((line) => /error/i.test(line)) ?? lines.findLast((line) => line !== '');
  return error === undefined ? '' : `: ${error.slice(0, 300)}`;
}
