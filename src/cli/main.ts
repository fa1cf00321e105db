#!/usr/bin/env node
/** `tsaufs`: finds the command and hands over. A command's file is loaded only when it is the one. */
import { calledAs } from './called-as.js';
import { commands, findCommand, findEntry, isGroup } from './commands.js';
import { oldNames } from './old-names.js';
import { exitStatus, UsageError } from './status.js';

/** The programs that mount(8) and umount(8) run for a file system's type. */
const helpers: Record<'mount' | 'umount', () => Promise<(name: string, args: string[]) => Promise<number>>> = {
  mount: async () => (await import('./mount-helper.js')).mountHelper,
  umount: async () => (await import('./umount-helper.js')).umountHelper,
};

async function run(name: string, given: string[]): Promise<number> {
  if (given[0] === calledAs) return run(given[1], given.slice(2));
  const helper = /^(u?mount)\.(fuse\.)?(tsaufs|aufs)$/.exec(name);
  if (helper) return (await helpers[helper[1] as 'mount' | 'umount']())(name, given);
  return runWords(Object.hasOwn(oldNames, name) ? oldNames[name](given) : given);
}

async function runWords(args: string[]): Promise<number> {
  const [first, ...rest] = args;
  if (args.length === 0) return runCommand('help', []);
  const entry = findEntry(commands, first);
  if (entry !== undefined) return isGroup(entry) ? (await import('./help.js')).runGroup(entry, rest) : runCommand(first, rest);
  // Called by the completion scripts of shells.
  if (first === 'complete') return (await import('./completion/complete.js')).completeCommand(rest);
  if (first === '--help' || first === '-h') return runCommand('help', rest);
  if (first === '--version' || first === '-V') return (await import('./help.js')).printVersion();
  if (isHelperForm(args)) return runCommand('mount', args);
  const { didYouMean } = await import('../options/similar.js');
  throw new UsageError(`there is no command "${first}"${didYouMean(first, commands.map(({ name }) => name))}; see tsaufs --help`);
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

process.on('uncaughtException', (error) => {
  // Who read our output has enough of it (`| head`): as others that SIGPIPE ends.
  process.exit('code' in error && error.code === 'EPIPE' ? 141 : exitStatus(error));
});

try {
  process.exitCode = await run(process.argv[1].slice(process.argv[1].lastIndexOf('/') + 1), process.argv.slice(2));
} catch (error) {
  process.exitCode = exitStatus(error);
}
