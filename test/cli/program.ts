// Runs the compiled program as a user would.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ListedMount } from '../../src/daemon/list.js';

export const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Surroundings {
  cwd?: string;
  uid?: number;
  env?: NodeJS.ProcessEnv;
}

export async function tsaufs(args: string[], surroundings: Surroundings = {}): Promise<Outcome> {
  return run(process.execPath, [program, ...args], surroundings);
}

export async function run(command: string, args: string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const { cwd, uid, env } = surroundings;
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: cwd ?? '/',
    ...(env === undefined ? {} : { env }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [status] = await once(child, 'close') as [number | null];
  return { status, stdout, stderr };
}

export function startForeground(args: string[], cwd: string): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'], cwd });
}

export async function listed(mountpoint: string): Promise<ListedMount | undefined> {
  const { stdout } = await tsaufs(['list', '--json']);
  return (JSON.parse(stdout) as ListedMount[]).find((mount) => mount.mountpoint === mountpoint);
}

/** Waits for something that another process will do; the test's own time limit ends the waiting. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Why nothing can be mounted here; undefined where it can. */
export function whyNoMount(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'no /dev/fuse';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return '/dev/fuse cannot be opened';
  }
  return process.geteuid!() === 0 ? undefined : 'not root';
}
