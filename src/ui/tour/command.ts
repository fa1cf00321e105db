import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Outcome {
  /** What was printed, errors too. */
  output: string;
  /** Exit status. */
  status: number;
}

/** So long a command may take, in milliseconds: none of a lesson waits for anything. */
const LONGEST = 30_000;

/** tsaufs and node are the ones that run here, wherever they are installed; on one line, so that the shell counts from 1. */
const prelude = 'exec 2>&1; umask 022; tsaufs() { "$TOUR_NODE" "$TOUR_PROGRAM" "$@"; }; node() { "$TOUR_NODE" "$@"; }; ';

/** Runs a command of a lesson as if it were typed in `directory`. */
export async function runCommand(command: string, directory: string, program: string): Promise<Outcome> {
  const shell = spawn('/bin/sh', ['-c', prelude + command], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C.UTF-8', TOUR_NODE: process.execPath, TOUR_PROGRAM: program },
    timeout: LONGEST,
  });
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [status] = await once(shell, 'close') as [number | null];
  return { output, status: status ?? 128 };
}
