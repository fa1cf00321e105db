// Runs commands as a user of the mount would, and says what this machine can do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const project = fileURLToPath(new URL('../..', import.meta.url));
export const program = path.join(project, 'dist/cli/main.js');

/** Who a command runs as; undefined: who runs the tests. */
export interface User {
  uid: number;
  gid: number;
  groups?: readonly number[];
}

/** nobody: fusermount3 wants a user who has a name. */
export const nobody: User = { uid: 65534, gid: 65534 };

export interface Surroundings {
  cwd?: string;
  as?: User | undefined;
  env?: NodeJS.ProcessEnv;
  input?: string;
  /** Milliseconds; then the command's process group is killed. */
  timeout?: number;
}

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. Its output is read as latin1, one character a byte. */
export async function run(command: string, args: readonly string[], surroundings: Surroundings = {}): Promise<Outcome> {
  const [first, ...rest] = inSurroundings(surroundings, [command, ...args]);
  const child = spawn(first, rest, {
    cwd: '/',
    env: { ...environment(), ...surroundings.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), surroundings.timeout ?? 120_000);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('latin1').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined).end(surroundings.input ?? '');
  try {
    const [status] = await once(child, 'close') as [number | null];
    return { status, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** {@link run}, for a command that must succeed. Returns its standard output. */
export async function succeed(command: string, args: readonly string[], surroundings: Surroundings = {}): Promise<string> {
  const { status, stdout, stderr } = await run(command, args, surroundings);
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ').slice(0, 300)}: status ${status ?? 'none, killed'}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`);
  }
  return stdout;
}

export function shell(script: string, surroundings: Surroundings = {}): Promise<string> {
  return succeed('bash', ['-euo', 'pipefail', '-c', script], surroundings);
}

/** Runs a Python script that tells its result as JSON on its last line of output. */
export async function python<Result>(
  script: string, args: readonly string[] = [], surroundings: Surroundings = {},
): Promise<Result> {
  const stdout = await succeed(pythonProgram, ['-c', script, ...args], surroundings);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Result;
}

/** The system's Python rather than one in somebody's home, which other users could not reach. */
export const pythonProgram = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

/** As the user first, then into the directory: what a user mounts is closed to root. */
function inSurroundings({ as, cwd }: Surroundings, command: readonly string[]): string[] {
  const there = ['env', '-C', cwd ?? '/', ...command];
  if (as === undefined) return there;
  const groups = as.groups === undefined ? ['--clear-groups'] : ['--groups', as.groups.join(',')];
  return ['setpriv', '--reuid', String(as.uid), '--regid', String(as.gid), ...groups, '--', ...there];
}

/** Plain messages and times, and nothing of what vitest and npm leave to their children. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(VITEST|npm_|NODE_OPTIONS|NODE_ENV|XDG_RUNTIME_DIR)/.test(name));
  return { ...Object.fromEntries(own), LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

export function found(command: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => directory !== '' && existsSync(path.join(directory, command)));
}

/** Why root's mounts cannot be tested here; undefined where they can. */
export function noRootMount(): string | undefined {
  if (process.geteuid!() !== 0) return 'not root';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return '/dev/fuse cannot be opened';
  }
}

/** Why an ordinary user's mounts cannot be tested here. These tests start as root and step down. */
export function noUserMount(): string | undefined {
  return noRootMount() ?? missing('fusermount3', 'setpriv') ?? hiddenFromOthers();
}

export function missing(...commands: string[]): string | undefined {
  const absent = commands.filter((command) => !found(command));
  return absent.length === 0 ? undefined : `no ${absent.join(', ')}`;
}

/** The tests' own program must be reachable for the other user. */
function hiddenFromOthers(): string | undefined {
  for (const file of [program, process.execPath]) {
    for (let directory = path.dirname(file); directory !== '/'; directory = path.dirname(directory)) {
      if (!readableByOthers(directory)) return `${directory} is closed to other users`;
    }
  }
  return undefined;
}

function readableByOthers(directory: string): boolean {
  return (statMode(directory) & 0o001) !== 0;
}

function statMode(file: string): number {
  try {
    return statSync(file).mode;
  } catch {
    return 0;
  }
}

/** The end of a test's or group's name where it is skipped, so that the reason is told. */
export function because(reason: string | undefined): string {
  return reason === undefined ? '' : ` (skipped: ${reason})`;
}

/** Waits for something that another process will do; the test's own time limit ends the waiting. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 10));
}
