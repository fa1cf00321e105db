import { listMounts, type ListedMount } from '../daemon/list.js';
import { parserFor } from './parser.js';

const examples = `
Examples:
  tsaufs list
  tsaufs list --json | jq -r '.[].log'
`;

function parser() {
  return parserFor('list', 'Show the mounted unions: yours and those of root.')
    .usage('[--json]')
    .option('--json', 'as one JSON array, with everything there is to know')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs list`. */
export function listCommand(args: string[]): Promise<number> {
  const flags = parser().parse(args, { from: 'user' }).opts<{ json?: true }>();
  const mounts = listMounts();
  process.stdout.write(flags.json ? `${JSON.stringify(mounts, null, 2)}\n` : table(mounts));
  return Promise.resolve(0);
}

/** A line for each mount, and below it, indented, its branches and log. */
function table(mounts: ListedMount[]): string {
  if (mounts.length === 0) return 'no tsaufs mounts\n';
  const heads = mounts.map((mount) => [mount.mountpoint, mount.status, `pid ${mount.pid}`, mount.id]);
  const widths = [0, 1, 2].map((column) => Math.max(...heads.map((head) => head[column].length)));
  return mounts.map((mount, row) => [
    heads[row].map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '),
    ...mount.branches.map((branch) => `    ${String(branch.id).padEnd(5)} ${branch.text}`),
    ...(mount.log === null ? [] : [`    log   ${mount.log}`]),
    ...(mount.failure === undefined ? [] : [`    ended by a failure: ${mount.failure}`]),
  ].join('\n') + '\n').join('');
}
