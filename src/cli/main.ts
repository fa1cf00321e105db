#!/usr/bin/env node
/** `tsaufs`: finds the command and hands over. A command's file is loaded only when it is the one. */
import { exitStatus, UsageError } from './status.js';

type Command = (args: string[]) => Promise<number>;

const commands: Record<string, () => Promise<Command>> = {
  mount: async () => (await import('./mount.js')).mountCommand,
  remount: async () => (await import('./remount.js')).remountCommand,
  umount: async () => (await import('./umount.js')).umountCommand,
  unmount: async () => (await import('./umount.js')).umountCommand,
  list: async () => (await import('./list.js')).listCommand,
  explain: async () => (await import('./explain.js')).explainCommand,
  tree: async () => (await import('./tree.js')).treeCommand,
  trace: async () => (await import('./trace.js')).traceCommand,
  diff: async () => (await import('./diff.js')).diffCommand,
  layer: async () => (await import('./layer.js')).layerCommand,
  graphdriver: async () => (await import('./graphdriver.js')).graphdriverCommand,
  image: async () => (await import('./image.js')).imageCommand,
  docker: async () => (await import('./docker.js')).dockerCommand,
  check: async () => (await import('./check.js')).checkCommand,
  plink: async () => (await import('./plink.js')).plinkCommand,
  busy: async () => (await import('./busy.js')).busyCommand,
  help: async () => (await import('./help.js')).helpCommand,
};

/** The programs of aufs-util, where links of such names lead to this one: the command, and its arguments in our order. */
const oldNames: Record<string, (args: string[]) => string[]> = {
  auchk: (args) => ['check', ...args],
  auplink: (args) => args.length < 2 ? ['plink', ...args] : ['plink', ...args.slice(1), args[0]],
  // Which has -v for more than the process ids.
  aubusy: (args) => ['busy', ...(args[0] === '-v' ? args.slice(1) : ['--pids', ...args])],
};

function asCalled(program: string, args: string[]): string[] {
  const name = program.slice(program.lastIndexOf('/') + 1);
  return Object.hasOwn(oldNames, name) ? oldNames[name](args) : args;
}

async function run(args: string[]): Promise<number> {
  const [first, ...rest] = args;
  if (args.length === 0) return (await commands['help']())([]);
  if (Object.hasOwn(commands, first)) return (await commands[first]())(rest);
  if (first === '--help' || first === '-h') return (await commands['help']())(rest);
  if (first === '--version' || first === '-V') return (await import('./help.js')).printVersion();
  if (isHelperForm(args)) return (await commands['mount']())(args);
  throw new UsageError(`there is no command "${first}"; see tsaufs --help`);
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
