import type { Action, Step } from '../inspect/actions.js';
import { NEW_NAME } from '../inspect/actions.js';
import { explain, explanationAsText, type Explanation } from '../inspect/explain.js';
import type { HiddenBy, OnBranch } from '../inspect/layers.js';
import { shownName } from '../layers/error.js';
import { branchLabels, escaped } from '../inspect/branch-labels.js';
import { coloursFor, type Colours } from './colours.js';
import { Looks } from './looked-at.js';
import { collect, parserFor } from './parser.js';
import { bytesText, columns } from './table.js';
import { UsageError } from './status.js';

const examples = `
Nothing is changed. What is told of changes leaves permissions aside, which the kernel checks. "rename" is to a new name in
the same directory.

Examples:
  tsaufs explain ./container/etc/hosts
      a path in a mounted union: which branch it comes from, and why
  tsaufs explain -o br=./image1:./image2 etc/hosts etc
      the same of branches that are not mounted; paths are from the root of the union
  tsaufs explain --json ./container/002 | jq '.[].actions'
`;

export function explainParser() {
  return parserFor('explain')
    .argument('<path...>', 'in a mounted union; with -o, from the root of the union')
    .option('-o, --options <options>', 'branches and options as for mount, of a union that need not be mounted', collect, [])
    .option('--color <when>', 'always, never or auto', 'auto')
    .option('--json', 'as JSON')
    .addHelpText('after', examples);
}

/** `tsaufs explain`. Exit status 1 where a path is not seen. */
export function explainCommand(args: string[]): Promise<number> {
  const command = explainParser().parse(args, { from: 'user' });
  const flags = command.opts<{ json?: true; options: string[]; color: string }>();
  const colours = coloursFor(flags.color, process.stdout);
  if (command.args.includes('')) throw new UsageError('an empty path; name a file or directory of the union');
  const looks = new Looks(flags.options);
  try {
    const all = command.args.map((written) => {
      const { look, path } = looks.at(written);
      return explain(look.u, path);
    });
    process.stdout.write(flags.json ? `${JSON.stringify(all.map(explanationAsText), null, 2)}\n` : all.map((each) => textOf(each, colours)).join('\n'));
    return Promise.resolve(all.every(({ error }) => error === null) ? 0 : 1);
  } finally {
    looks.close();
  }
}

function textOf(told: Explanation, colours: Colours): string {
  const labels = branchLabels(told.layers.map(({ directory }) => directory));
  const named = (branch: number): string => colours.branch(branch)(labels[branch]);
  const rows = told.layers.map((layer) => [
    `  ${layer.branch}`, `${escaped(layer.directory)}=${layer.permission}`, ...entryColumns(layer), verdict(layer, told, named, colours),
  ]);
  const table = columns(rows).trimEnd().split('\n').map((line, index) => paintRow(line, told.layers[index], colours));
  const plans = columns(told.actions.map((action) => [`  ${action.action}`, planText(action, labels)]));
  return `${colours.bold(shownName(told.path))}: ${summary(told, named, colours)}\n${table.join('\n')}\n${plans}`;
}

/** Of what is seen the branch has its colour; what is hidden is dim. */
function paintRow(line: string, layer: OnBranch, colours: Colours): string {
  const directory = escaped(layer.directory);
  const at = line.indexOf(directory);
  const painted = layer.state === 'seen' || layer.state === 'merged' || layer.whiteout === 'counts';
  if (!painted) return colours.dim(line);
  return line.slice(0, at) + colours.branch(layer.branch)(directory) + line.slice(at + directory.length);
}

function summary(told: Explanation, named: (branch: number) => string, colours: Colours): string {
  const { type, branch, error, failsAt, path } = told;
  if (branch !== null) {
    const merged = told.layers.filter(({ state }) => state === 'merged').map((layer) => named(layer.branch));
    const kind = type === 'directory' ? 'directory' : type ?? '';
    const pseudo = told.pseudoLink ? ', where its file was copied up under another of its names' : '';
    return `${kind} of ${named(branch)}${pseudo}${merged.length === 0 ? '' : `, merged with ${merged.join(', ')}`}`;
  }
  if (error === 'EPERM') return colours.red('names that begin with .wh. are AUFS\'s own, nobody may use them (EPERM)');
  if (error === 'ENOTDIR') return colours.red(`not there: ${shownName(failsAt ?? '')} is no directory (ENOTDIR)`);
  if (error === 'ENOENT') return colours.red(`not there${failsAt === path ? '' : `, nor is ${shownName(failsAt ?? '')}`} (ENOENT)`);
  return colours.red(`not to be had (${error ?? ''})`);
}

function entryColumns({ entry }: OnBranch): string[] {
  if (entry === null) return ['-', '', '', '', ''];
  const { type, size, mode, uid, gid, mtime } = entry;
  return [type, type === 'file' ? bytesText(size) : '', mode, `${uid}:${gid}`, mtime.replace('T', ' ').replace(/\.\d+Z$/, '')];
}

function verdict(layer: OnBranch, told: Explanation, named: (branch: number) => string, colours: Colours): string {
  const said: string[] = [];
  if (layer.state === 'seen') said.push(colours.bold('SEEN'));
  if (layer.state === 'merged') said.push('merged');
  if (layer.hiddenBy !== null) said.push(`hidden by ${hider(layer.hiddenBy, layer, told.path, named)}`);
  if (layer.whiteout === 'counts') said.push('whiteout');
  if (layer.whiteout === 'ignored') said.push('whiteout that does not count (no +wh)');
  if (layer.opaque === 'counts') said.push('opaque: hides what is below');
  if (layer.opaque === 'ignored') said.push('opaque mark that does not count (no +wh)');
  const target = layer.entry?.target;
  if (target !== undefined) said.push(`→ ${escaped(target)}`);
  return said.join('; ');
}

function hider({ kind, branch, path }: HiddenBy, layer: OnBranch, own: string, named: (branch: number) => string): string {
  const where = branch === layer.branch ? 'here' : `on ${named(branch)}`;
  const what = path === own ? '' : ` of ${shownName(path)}`;
  switch (kind) {
    case 'whiteout': return `the whiteout${what} ${where}`;
    case 'opaque': return `the opaque ${path === own ? 'directory' : shownName(path)} ${where}`;
    case 'entry': return path === own ? `the one ${where}` : `${shownName(path)} ${where}, which is no directory`;
    case 'pseudo-link': return `the changed copy ${where} of its hard link`;
    case 'reserved': return 'its name, which is AUFS\'s own';
  }
}

function planText({ error, note, steps }: Action, labels: readonly string[]): string {
  const done = steps.map((step) => stepText(step, labels)).join(', ');
  if (error !== null) return `${error}: ${note ?? ''}${done === '' ? '' : ` (after this: ${done})`}`;
  return note === null ? done : `${done}${done === '' ? '' : '; '}${note}`;
}

function stepText({ kind, branch, path, from, bytes }: Step, labels: readonly string[]): string {
  const on = labels[branch];
  const shown = shownName(path);
  const name = shown.slice(shown.lastIndexOf('/') + 1);
  switch (kind) {
    case 'copy-up': return `copy-up of ${bytes === undefined ? shown : bytesText(bytes)} from ${labels[from ?? 0]} to ${on}`;
    case 'copy-directory': return `${shown} made on ${on} like the one below`;
    case 'link': return `hard link ${shown} made on ${on}`;
    case 'write': return `written on ${on}`;
    case 'change': return `changed on ${on}`;
    case 'create': return `made on ${on}`;
    case 'mkdir': return `made on ${on}`;
    case 'remove': return `removed from ${on}`;
    case 'rename': return name === NEW_NAME ? `renamed on ${on}` : `renamed to ${name} on ${on}`;
    case 'whiteout': return `whiteout .wh.${name} made on ${on}`;
    case 'remove-whiteout': return `whiteout .wh.${name} removed from ${on}`;
    case 'opaque': return `made opaque on ${on}`;
    case 'record': return `record of its lower parts made on ${on}`;
  }
}
