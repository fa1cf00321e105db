#!/usr/bin/env node
/** `tsaufs`: finds the command and hands over. A command's file is loaded only when it is the one. */
import { commands, findCommand, findEntry, isGroup } from './commands.js';
import { exitStatus, UsageError } from './status.js';

/** The programs of aufs-util, where links of such names lead to this one: the command, and its arguments in our order. */
const oldNames: Record<string, (args: string[]) => string[]> = {
  auchk: (args) => ['check', ...args],
  auplink: (args) => args.length < 2 ? ['plink', ...args] : ['plink', ...args.slice(1), args[0]],
  aumvdown: (args) => ['mvdown', ...args],
  // Which has -v for more than the process ids.
  aubusy: (args) => ['busy', ...(args[0] === '-v' ? args.slice(1) : ['--pids', ...args])],
};

function asCalled(program: string, args: string[]): string[] {
  const name = program.slice(program.lastIndexOf('/') + 1);
  return Object.hasOwn(oldNames, name) ? oldNames[name](args) : args;
}

async function run(args: string[]): Promise<number> {
  const [first, ...rest] = args;
  if (args.length === 0) return runCommand('help', []);
  const entry = findEntry(commands, first);
  if (entry !== undefined) return isGroup(entry) ? (await import('./help.js')).runGroup(entry, rest) : runCommand(first, rest);
  if (first === '--help' || first === '-h') return runCommand('help', rest);
  if (first === '--version' || first === '-V') return (await import('./help.js')).printVersion();
  if (isHelperForm(args)) return runCommand('mount', args);
  throw new UsageError(`there is no command "${first}"; see tsaufs --help`);
}

async function runCommand(name: string, args: string[]): Promise<number> {
  return (await findCommand(name).load()).run(args);
}

/**
 * The command line that mount(8) gives to the program of a FUSE file system, `SOURCE MOUNTPOINT -o OPTIONS`, or
 * one in its manner: it starts with an option or has one further on.
 */
function isHelperForm(args: string[]): boolean {
  return args[0].startsWith('-') || args.some((arg) => /^-[a-zA-Z]*o/.test(arg)) ||
    args.length === 2 && args[1].startsWith('/');
}

try {
  process.exitCode = await run(asCalled(process.argv[1], process.argv.slice(2)));
} catch (error) {
  process.exitCode = exitStatus(error);
}
