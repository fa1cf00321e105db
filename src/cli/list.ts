import { askNumbers, listMounts, type ListedMount, type MountNumbers } from '../daemon/list.js';
import { parserFor } from './parser.js';

const examples = `
Examples:
  tsaufs list
  tsaufs list -v
      with the options in force, and how much each mount holds
  tsaufs list --json | jq -r '.[].log'
`;

export function listParser() {
  return parserFor('list')
    .option('-v, --verbose', 'with options, and numbers of inodes, descriptors and memory')
    .option('--gc', 'with -v: collect garbage before measuring, while the mount waits up to a second')
    .option('--json', 'as one JSON array, with everything there is to know')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

type Shown = ListedMount & { numbers?: MountNumbers };

/** `tsaufs list`. */
export async function listCommand(args: string[]): Promise<number> {
  const flags = listParser().parse(args, { from: 'user' }).opts<{ json?: true; verbose?: true; gc?: true }>();
  const mounts: Shown[] = flags.verbose ? await Promise.all(listMounts().map((mount) => withNumbers(mount, flags.gc ?? false))) : listMounts();
  process.stdout.write(flags.json ? `${JSON.stringify(mounts, null, 2)}\n` : table(mounts, flags.verbose ?? false));
  return 0;
}

async function withNumbers(mount: ListedMount, collect: boolean): Promise<Shown> {
  const numbers = await askNumbers(mount, collect);
  return numbers === undefined ? mount : { ...mount, numbers };
}

/** A line for each mount, and below it, indented, its branches and log. */
function table(mounts: Shown[], verbose: boolean): string {
  if (mounts.length === 0) return 'no tsaufs mounts\n';
  const heads = mounts.map((mount) => [mount.mountpoint, mount.status, `pid ${mount.pid}`, mount.id]);
  const widths = [0, 1, 2].map((column) => Math.max(...heads.map((head) => head[column].length)));
  return mounts.map((mount, row) => [
    heads[row].map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '),
    ...mount.branches.map((branch) => `    ${String(branch.id).padEnd(5)} ${branch.text}`),
    ...(verbose ? details(mount) : []),
    ...(mount.log === null ? [] : [`    log   ${mount.log}`]),
    ...(mount.failure === undefined ? [] : [`    ended by a failure: ${mount.failure}`]),
  ].join('\n') + '\n').join('');
}

function details({ options, numbers }: Shown): string[] {
  const shown = options.replace(/,?br=[^]*$/, '');
  if (numbers === undefined) return [`    opts  ${shown}`];
  const { inodes, openFiles, openDirectories, descriptors, descriptorLimit, requests } = numbers;
  return [
    `    opts  ${shown}`,
    `    holds ${inodes} inodes, ${openFiles} open files, ${openDirectories} open directories, ` +
      `${descriptors} descriptors of ${descriptorLimit}; ${requests} requests served`,
    `    takes ${megabytes(numbers.resident)} of memory${heap(numbers)}`,
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function heap(numbers: MountNumbers): string {
  // A mount made by an older version does not tell.
  if (!Number.isFinite(numbers.heap)) return '';
  return `; heap ${megabytes(numbers.heap)}, buffers ${megabytes(numbers.buffers)}${bytesAnInode(numbers)}`;
}

/** With fewer inodes the heap is mostly the program itself. */
const INODES_TO_TELL = 10_000;

/** An upper bound: the program's own objects, and garbage, are counted with the inodes. */
function bytesAnInode({ heap, inodes }: MountNumbers): string {
  return inodes < INODES_TO_TELL ? '' : `: at most ${Math.ceil(heap / inodes)} bytes of heap an inode`;
}
