import path from 'node:path';
import { changesOf, type Change } from '../layers/diff.js';
import { shownName } from '../layers/error.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';
import { branchAt } from './top-branch.js';

const examples = `
A path is added (A), changed (C) or deleted (D); a directory is changed that has changes in it.

Examples:
  tsaufs diff ./container
      the writable branch of the union that is mounted there, beside the branches below it
  tsaufs diff --below ./image2:./image3 ./image1
      one directory beside others, the uppermost first; nothing needs to be mounted
`;

export function diffParser() {
  return parserFor('diff')
    .argument('<path>', 'a mount point, or the directory of a branch')
    .option('-b, --below <directories>', 'the branches below, from the top down, separated by colons', collect, [])
    .option('--json', 'as JSON')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs diff`. */
export function diffCommand(args: string[]): Promise<number> {
  const command = diffParser().parse(args, { from: 'user' });
  const flags = command.opts<{ json?: true; below: string[] }>();
  const { directory, below } = branchAt(command.args[0]);
  const given = flags.below.flatMap((list) => list.split(':'));
  if (given.includes('')) throw new UsageError('an empty name among the directories of --below; leave out one of the colons');
  if (given.length > 0 && below !== undefined) throw new UsageError(`${command.args[0]} is a mount point, whose branches are known; leave --below out`);
  const changes = changesOf(directory, below ?? given.map((name) => ({ path: path.resolve(name) })));
  process.stdout.write(flags.json ? json(changes) : changes.map(line).join(''), 'latin1');
  return Promise.resolve(0);
}

/** The bytes of a name as they are; but a name cannot make a line of its own. */
function line({ kind, path: name }: Change): string {
  return `${kind} ${Buffer.from(shownName(name), 'utf8').toString('latin1')}\n`;
}

function json(changes: readonly Change[]): string {
  const shown = changes.map(({ kind, path: name }) => ({ kind, path: Buffer.from(name, 'latin1').toString('utf8') }));
  return Buffer.from(`${JSON.stringify(shown, null, 2)}\n`, 'utf8').toString('latin1');
}
