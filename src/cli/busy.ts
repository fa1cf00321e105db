import { statSync } from 'node:fs';
import { branchOfMount, type MountedBranch } from '../daemon/branch-users.js';
import { usersOf, type Use, type UsingProcess } from '../inspect/processes.js';
import { shownName } from '../layers/error.js';
import { textFromName } from '../posix/name.js';
import { parserFor } from './parser.js';
import { UsageError } from './status.js';
import { columns, cut } from './table.js';

const examples = `
What is marked "held" keeps the branch from being taken away (tsaufs remount -o del:BRANCH). A working directory does
if it lies on no other branch.

Examples:
  tsaufs busy ./container ./image2
  kill $(tsaufs busy --pids ./container ./image2)
`;

export function busyParser() {
  return parserFor('busy')
    .argument('<mountpoint>', 'where the union is mounted')
    .argument('<branch>', 'the directory of one of its branches')
    .option('-p, --pids', 'only the ids of processes that keep the branch from being taken away, as aubusy does')
    .option('--json', 'as JSON')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

interface TellingUse extends Use {
  /** Keeps the branch from being taken away. */
  held: boolean;
}

type TellingProcess = Omit<UsingProcess, 'uses'> & { uses: TellingUse[] };

/** `tsaufs busy`. */
export async function busyCommand(args: string[]): Promise<number> {
  const command = busyParser().parse(args, { from: 'user' });
  const { json, pids } = command.opts<{ json?: true; pids?: true }>();
  if (command.args.includes('')) throw new UsageError('the name of a directory is empty; name one, or leave it out');
  const branch = branchOfMount(command.args[0], command.args[1]);
  const { processes, closed } = usersOf(branch.device);
  const inos = [...new Set(processes.flatMap(({ uses }) => uses.map(({ ino }) => ino)))];
  const { open, there } = await branch.users(inos);
  const root = Number(statSync(branch.mountpoint, { bigint: true }).ino);
  const telling = onBranch(processes, branch, new Set(open), new Set(there.filter((ino) => ino !== root)));
  if (json) process.stdout.write(`${JSON.stringify(telling.map(asText), null, 2)}\n`);
  else if (pids) process.stdout.write(telling.filter(isHolder).map(({ pid }) => `${pid}\n`).join(''));
  else process.stdout.write(telling.length === 0 ? `nobody uses ${branch.branch}\n` : table(telling));
  const seen = new Set(inos);
  const unseen = open.filter((ino) => !seen.has(ino)).length;
  if (unseen > 0) process.stderr.write(`tsaufs: ${unseen} more open there by what cannot be seen from here${closed > 0 ? '; root may see more' : ''}\n`);
  return 0;
}

/** The root of the union lies on all branches: only who has it open holds one. */
function onBranch(
  processes: readonly UsingProcess[], branch: MountedBranch, open: ReadonlySet<number>, there: ReadonlySet<number>,
): TellingProcess[] {
  const isHeld = ({ what, ino, path }: Use): boolean =>
    what === 'cwd' || what === 'root' ? there.has(ino) && branch.heldBy(textFromName(path)) : open.has(ino);
  return processes.map(({ uses, ...rest }) => ({
    ...rest,
    uses: uses
      .map((use) => ({ ...use, held: isHeld(use) }))
      .filter(({ held, ino }) => held || there.has(ino)),
  })).filter(({ uses }) => uses.length > 0);
}

function isHolder({ uses }: TellingProcess): boolean {
  return uses.some(({ held }) => held);
}

const longestCommand = 40;

function table(processes: readonly TellingProcess[]): string {
  return columns(processes.flatMap(({ pid, command, uses }) => uses.map(({ what, path, held }) => [
    String(pid), cut(shownName(command), longestCommand), what, held ? 'held' : '', shownName(path),
  ])));
}

function asText({ command, uses, ...rest }: TellingProcess): object {
  return { ...rest, command: textFromName(command), uses: uses.map((use) => ({ ...use, path: textFromName(use.path) })) };
}
