import { makePlinksReal, plinksAt } from '../daemon/plinks.js';
import { shownName } from '../layers/error.js';
import { nameFromText } from '../posix/name.js';
import type { ShownPseudoLink } from '../union/pseudo-link-flush.js';
import { parserFor } from './parser.js';
import { UsageError } from './status.js';

const examples = `
  list    show the files, and their names in the union
  cpup    make every name a real link on the branch that has the copy
  flush   the same, and end the pseudo-links; an unmount does that, too

All of them read the whole union, which waits meanwhile.

Examples:
  tsaufs plink list ./container
  tsaufs plink flush --dry-run ./container
`;

const actions = ['list', 'cpup', 'flush'] as const;
type Action = typeof actions[number];

export function plinkParser() {
  return parserFor('plink')
    .argument('<action>', 'what to do: list, cpup or flush')
    .argument('<mountpoint>', 'where the union is mounted')
    .option('-n, --dry-run', 'say what would be done, and change nothing')
    .option('--json', 'as JSON')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs plink`. */
export async function plinkCommand(args: string[]): Promise<number> {
  const command = plinkParser().parse(args, { from: 'user' });
  const { json, dryRun = false } = command.opts<{ json?: true; dryRun?: true }>();
  const [action, mountpoint] = command.args;
  if (!isAction(action)) throw new UsageError(`"${action}" is not something to do with pseudo-links; it is list, cpup or flush`);
  if (mountpoint === '') throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  const links = await plinksAt(mountpoint);
  if (action !== 'list' && !dryRun) await makePlinksReal(mountpoint, action);
  process.stdout.write(json ? `${JSON.stringify(action === 'list' ? links : { action, dryRun, links }, null, 2)}\n`
    : action === 'list' ? listText(links) : doneText(action, links, dryRun));
  return 0;
}

function isAction(text: string): text is Action {
  return (actions as readonly string[]).includes(text);
}

function listText(links: readonly ShownPseudoLink[]): string {
  if (links.length === 0) return 'no pseudo-links\n';
  return links.map(({ ino, branch, names }) => [
    `inode ${ino}, copied to ${branch}`, ...names.map(({ path, real }) => `    ${shown(path)}${real ? '' : '  (not a link there yet)'}`),
  ].join('\n') + '\n').join('');
}

function doneText(action: 'cpup' | 'flush', links: readonly ShownPseudoLink[], dryRun: boolean): string {
  const lines = links.flatMap(({ branch, names }) => names.filter(({ real }) => !real)
    .map(({ path }) => `${shown(path)} ${dryRun ? 'would be linked' : 'linked'} on ${branch}`));
  if (action === 'flush') lines.push(`${links.length} pseudo-${links.length === 1 ? 'link' : 'links'} ${dryRun ? 'would be flushed' : 'flushed'}`);
  else if (lines.length === 0) lines.push('nothing to do: every name is a link already');
  return `${lines.join('\n')}\n`;
}

function shown(path: string): string {
  return shownName(nameFromText(path));
}
