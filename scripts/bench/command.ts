import { execa } from 'execa';

/** Whom a command is run as; undefined: whoever runs the benchmark. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface How {
  readonly cwd?: string;
  readonly user?: User | undefined;
}

/** The longest that a command may take, in milliseconds. */
const patience = 300_000;

/**
 * Runs a program to its end.
 * @returns its standard output
 * @throws Error of one line, with the first line that it said
 */
export async function command(program: string, args: readonly string[], { cwd, user }: How = {}): Promise<string> {
  const { failed, shortMessage, stdout, stderr } = await execa(program, args, {
    reject: false,
    timeout: patience,
    // Configuration of the user's own, such as git's, must not make a difference.
    env: { HOME: '/nonexistent', LC_ALL: 'C', ...(user === undefined ? {} : { XDG_RUNTIME_DIR: undefined }) },
    stdin: 'ignore',
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  if (failed) throw new Error(firstLine(stderr) || firstLine(shortMessage ?? 'failed'));
  return stdout;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0];
}

/** What `program --version` says that matches, undefined where there is no such program. */
export async function versionOf(program: string, pattern: RegExp): Promise<string | undefined> {
  const { failed, exitCode, all } = await execa(program, ['--version'], { reject: false, all: true, stdin: 'ignore' });
  if (failed && exitCode === undefined) return undefined;
  return pattern.exec(all)?.[1] ?? 'of unknown version';
}
