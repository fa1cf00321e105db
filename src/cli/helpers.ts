import path from 'node:path';
import { findHelpers, makeHelper, removeHelper, type Helper, type HelperKind, type HelperState } from './helper-programs.js';
import { parserFor } from './parser.js';
import { columns } from './table.js';

interface Flags {
  aufs?: true;
  tools?: true;
  prefix: string;
  dryRun?: true;
  json?: true;
}

/** What was, or would be, done with a helper. */
type Done = 'made' | 'replaced' | 'removed' | 'kept';

const installExamples = `
Files of other programs are never replaced: nothing is done then.

Examples:
  tsaufs helpers install
      mount -t tsaufs, mount -t fuse.tsaufs and /etc/fstab, by links in /sbin
  tsaufs helpers install --aufs --tools
      also mount -t aufs, and AUFS's auplink, auchk and so on in /usr/local/bin
`;

export function helpersInstallParser() {
  return withCommon(parserFor('helpers install'), 'say what would be done, and do nothing')
    .option('--aufs', 'also for mount -t aufs')
    .option('--tools', 'also the commands of aufs-util, by their names')
    .addHelpText('after', installExamples);
}

export function helpersRemoveParser() {
  return withCommon(parserFor('helpers remove'), 'say what would be done, and do nothing');
}

export function helpersStatusParser() {
  return withCommon(parserFor('helpers status'));
}

function withCommon(parser: ReturnType<typeof parserFor>, dryRun?: string): ReturnType<typeof parserFor> {
  parser.option('--prefix <dir>', 'where the root directory is, for packages and containers', '/');
  if (dryRun !== undefined) parser.option('-n, --dry-run', dryRun);
  return parser.option('--json', 'as JSON').allowExcessArguments(false);
}

/** `tsaufs helpers install`: all of what is asked for, or nothing. */
export function helpersInstall(args: string[]): number {
  const flags = helpersInstallParser().parse(args, { from: 'user' }).opts<Flags>();
  const kinds: HelperKind[] = ['mount', ...(flags.aufs ? ['aufs' as const] : []), ...(flags.tools ? ['tools' as const] : [])];
  const helpers = findHelpers(path.resolve(flags.prefix), kinds);
  const foreign = helpers.find(({ state }) => state === 'foreign');
  if (foreign !== undefined) {
    throw new Error(`${foreign.path} belongs to another program: nothing was installed; remove that program, or do without ${foreign.name}`);
  }
  return carryOut(helpers, flags, ({ state }) => state === 'absent' ? 'made' : state === 'outdated' ? 'replaced' : 'kept');
}

/** `tsaufs helpers remove`: all that lead to a tsaufs. */
export function helpersRemove(args: string[]): number {
  const flags = helpersRemoveParser().parse(args, { from: 'user' }).opts<Flags>();
  const helpers = findHelpers(path.resolve(flags.prefix)).filter(({ state }) => state !== 'absent' && state !== 'foreign');
  return carryOut(helpers, flags, ({ state }) => state === 'packaged' ? 'kept' : 'removed');
}

/** `tsaufs helpers status`. */
export function helpersStatus(args: string[]): number {
  const flags = helpersStatusParser().parse(args, { from: 'user' }).opts<Flags>();
  const helpers = findHelpers(path.resolve(flags.prefix));
  process.stdout.write(flags.json ? `${JSON.stringify(helpers, null, 2)}\n`
    : columns(helpers.map(({ path: place, state }) => [place, described[state]])));
  return 0;
}

const described: Record<HelperState, string> = {
  installed: 'installed',
  outdated: 'of another tsaufs, or one that is gone; tsaufs helpers install puts it right',
  packaged: 'installed, part of the Debian package',
  foreign: 'belongs to another program',
  absent: 'not installed',
};

function carryOut(helpers: readonly Helper[], { dryRun, json }: Flags, decide: (helper: Helper) => Done): number {
  const results = helpers.map((helper) => ({ ...helper, done: decide(helper) }));
  if (!dryRun) results.forEach(change);
  if (json) process.stdout.write(`${JSON.stringify({ dryRun: dryRun ?? false, helpers: results.map(({ name, path: place, done }) => ({ name, path: place, done })) }, null, 2)}\n`);
  else if (results.length === 0) process.stdout.write('nothing to remove\n');
  else process.stdout.write(results.map(({ path: place, done }) => `${place} ${dryRun && done !== 'kept' ? 'would be ' : ''}${done}\n`).join(''));
  return 0;
}

function change(helper: Helper & { done: Done }): void {
  try {
    if (helper.done === 'made' || helper.done === 'replaced') makeHelper(helper);
    else if (helper.done === 'removed') removeHelper(helper);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const permission = code === 'EACCES' || code === 'EPERM';
    throw new Error(permission ? `${path.dirname(helper.path)} cannot be written to; do this as root` : `${helper.path}: ${(error as Error).message}`);
  }
}
