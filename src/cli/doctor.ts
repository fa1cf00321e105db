import { coloursFor, type Colours } from './colours.js';
import { checkFuse } from './doctor/fuse.js';
import type { Finding } from './doctor/finding.js';
import { checkInstallation } from './doctor/installation.js';
import { checkKernel } from './doctor/kernel.js';
import { checkLimits } from './doctor/limits.js';
import { checkScratchMount } from './doctor/scratch-mount.js';
import { thisSystem } from './doctor/system.js';
import { parserFor } from './parser.js';
import { UsageError } from './status.js';

const notes = `
A line for each thing: ok; warn, where mounts work and something is missing or slower; fail, where nothing can be mounted. What
to change follows the semicolon. Nothing is changed; a union is mounted in a temporary directory and unmounted again, and what
a file system can do is tried out in a hidden directory that is removed.

Exit status: 0 when this user can mount here, 1 when not or when a DIR is no directory, 2 for a wrong command line.

Examples:
  tsaufs doctor
  tsaufs doctor --no-mount ./image1 /srv/image2
      also what the two would lack as branches
  tsaufs doctor --json | jq '.checks[] | select(.status != "ok")'
`;

export function doctorParser() {
  return parserFor('doctor')
    .argument('[directories...]', 'what these would lack as branches')
    .option('--no-mount', 'do not try a mount')
    .option('--color <when>', 'always, never or auto', 'auto')
    .option('--json', 'as JSON')
    .addHelpText('after', notes);
}

/** `tsaufs doctor`. */
export async function doctorCommand(args: string[]): Promise<number> {
  const command = doctorParser().parse(args, { from: 'user' });
  const flags = command.opts<{ mount: boolean; color: string; json?: true }>();
  if (command.args.includes('')) throw new UsageError('the name of a directory is empty; name one, or leave it out');
  const colours = coloursFor(flags.color, process.stdout);
  const system = thisSystem();
  const checks = [...checkKernel(system), ...checkFuse(system), ...checkLimits(system), ...await checkInstallation()];
  // Without koffi nothing can be mounted, nor looked at closely.
  const isComplete = !checks.some(({ name, status }) => name === 'koffi' && status === 'fail');
  if (isComplete && flags.mount) checks.push(...await checkScratchMount());
  const possible = !hasFailed(checks);
  const directories = isComplete && command.args.length > 0 ? command.args.flatMap((await import('./doctor/directory.js')).checkDirectory) : [];
  const all = [...checks, ...directories];
  if (flags.json) process.stdout.write(`${JSON.stringify({ possible, checks: all.map((check) => ({ ...check, advice: check.advice ?? null })) }, null, 2)}\n`);
  else process.stdout.write(`${text(all, colours)}\n${summary(possible, flags.mount, all)}\n`);
  return hasFailed(all) ? 1 : 0;
}

function hasFailed(checks: readonly Finding[]): boolean {
  return checks.some(({ status }) => status === 'fail');
}

function text(checks: readonly Finding[], { green, yellow, red }: Colours): string {
  const paint = { ok: green, warn: yellow, fail: red };
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.map(({ name, status, found, advice }) =>
    `${paint[status](status.padEnd(4))}  ${name.padEnd(width)}  ${found}${advice === undefined ? '' : `; ${advice}`}\n`).join('');
}

function summary(possible: boolean, tried: boolean, checks: readonly Finding[]): string {
  const failed = checks.filter(({ status }) => status === 'fail').map(({ name }) => name);
  if (failed.length > 0) return possible ? `cannot be branches: ${failed.join(', ')}` : `cannot mount: ${failed.join(', ')}`;
  const improvable = checks.filter(({ status }) => status === 'warn').length;
  return `${tried ? 'mounts work' : 'nothing stands against a mount'}${improvable === 0 ? '' : `, ${improvable} ${improvable === 1 ? 'thing' : 'things'} to improve`}`;
}
