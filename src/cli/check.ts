import { statSync } from 'node:fs';
import { mountAt, mountType } from '../daemon/mount-table.js';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { checkBranch, type Checked, type Problem } from '../inspect/check.js';
import { planOf, repair, type RepairChoice } from '../inspect/check-repair.js';
import { InspectError } from '../inspect/error.js';
import { shownName } from '../layers/error.js';
import { raiseNofile } from '../posix/limits.js';
import { textFromName } from '../posix/name.js';
import { collect, parserFor } from './parser.js';
import { exitStatus, UsageError } from './status.js';
import { columns } from './table.js';
import { unionOn } from './union-on.js';

const examples = `
Nothing is changed without --repair, -w or -r; none of them works on a branch of a mounted union.

Exit status: 0 when every branch was checked, whatever was found (as auchk has it); 3 with --exit-code when
something is left as it was found; 1 when a branch could not be checked or repaired; 2 for a wrong command line.

Examples:
  tsaufs check ./image1
  tsaufs check --below ./image2:./image3 ./image1
      also tells whiteouts of names that are on neither of the two
  tsaufs check --repair --dry-run ./image1
  tsaufs check --repair -w ./image1
      where a name and its whiteout stand side by side, the name stays and shows again
`;

export function checkParser() {
  return parserFor('check')
    .argument('<branches...>', 'directories that are, or were, branches of a union')
    .option('-b, --below <directories>', 'the branches below, separated by colons: whiteouts of what none of them has are told', collect, [])
    .option('--repair', 'remove stray whiteouts and what was left; replace malformed whiteouts by right ones')
    .option('-w, --whiteout', 'of a name and its whiteout, remove the whiteout')
    .option('-r, --real', 'of a name and its whiteout, remove the name, with all that is in it')
    .option('-s, --skip', 'of a name and its whiteout, remove neither (the default)')
    .option('-n, --dry-run', 'say what would be repaired, and change nothing')
    .option('-q, --quiet', 'say nothing of branches that are in order')
    .option('-e, --exit-code', 'exit status 3 when something is left as it was found')
    .option('--json', 'as JSON')
    .addHelpText('after', examples);
}

interface Flags {
  below: string[];
  repair?: true;
  whiteout?: true;
  real?: true;
  skip?: true;
  dryRun?: true;
  quiet?: true;
  exitCode?: true;
  json?: true;
}

interface Told extends Problem {
  /** What was done about it, or with --dry-run would be. */
  done: { action: 'remove' | 'replace'; path: string } | null;
}

interface Report {
  branch: string;
  inUse: boolean;
  names: number;
  problems: Told[];
}

/** `tsaufs check`. */
export function checkCommand(args: string[]): Promise<number> {
  const command = checkParser().parse(args, { from: 'user' });
  const flags = command.opts<Flags>();
  const choice = choiceOf(flags);
  const below = flags.below.flatMap((list) => list.split(':'));
  if (below.includes('') || command.args.includes('')) throw new UsageError('the name of a directory is empty; name one, or leave it out');
  for (const directory of below) mustBeBranch(directory);
  raiseNofile();
  const reports: Report[] = [];
  let status = 0;
  for (const branch of command.args) {
    try {
      reports.push(checkOne(branch, below, choice, flags.dryRun ?? false));
      if (!flags.json) process.stdout.write(text(reports[reports.length - 1], flags));
    } catch (error) {
      status = exitStatus(error);
    }
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(reports.map(shown), null, 2)}\n`);
  const left = reports.some(({ problems }) => problems.some(({ done }) => done === null || flags.dryRun));
  return Promise.resolve(status === 0 && flags.exitCode && left ? 3 : status);
}

function choiceOf({ whiteout, real, skip, repair: rest }: Flags): RepairChoice {
  if ([whiteout, real, skip].filter(Boolean).length > 1) throw new UsageError('only one of -w, -r and -s can be given; leave the others out');
  return { beside: whiteout ? 'whiteout' : real ? 'real' : 'skip', rest: rest ?? false };
}

function checkOne(branch: string, below: readonly string[], choice: RepairChoice, dryRun: boolean): Report {
  mustBeBranch(branch);
  const union = unionOn(branch);
  if (union !== undefined && !dryRun && (choice.rest || choice.beside !== 'skip')) {
    throw new InspectError(`${branch} belongs to the union on ${union}; unmount it before a repair: tsaufs umount ${union}`);
  }
  const { names, problems }: Checked = checkBranch(branch, { below, inUse: union !== undefined });
  if (union !== undefined) {
    process.stderr.write(`tsaufs: ${branch} belongs to the union on ${union}: what it works with (orphans, temporaries, pseudo-links) is not looked at\n`);
  }
  const told = problems.map((problem): Told => ({ ...problem, done: planOf(problem, choice) }));
  if (!dryRun) for (const { done } of told) if (done !== null) repair(branch, done);
  return { branch, inUse: union !== undefined, names, problems: told };
}

function mustBeBranch(directory: string): void {
  if (mountAt(resolveMountpoint(directory))?.type === mountType) {
    throw new InspectError(`${directory} is the mount point of a union; name its branches, which tsaufs list shows`);
  }
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new InspectError(`${directory} is not a directory; name the directory of a branch`);
  }
}

function text({ branch, names, problems }: Report, { quiet, dryRun }: Flags): string {
  const looked = `${names} ${names === 1 ? 'name' : 'names'} looked at`;
  if (problems.length === 0) return quiet ? '' : `${branch}: nothing wrong; ${looked}\n`;
  const head = `${branch}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}; ${looked}\n`;
  return head + columns(problems.map((problem) => [
    `  ${problem.kind}`, shownName(problem.path), problem.text + outcome(problem, dryRun ?? false),
  ]));
}

function outcome({ path, done }: Told, dryRun: boolean): string {
  if (done === null) return '';
  const what = done.action === 'replace' ? 'replaced by an empty file' : done.path === path ? 'removed' : `${shownName(done.path)} removed`;
  return dryRun ? ` [would be ${what}]` : ` [${what}]`;
}

function shown(report: Report): object {
  return {
    ...report,
    problems: report.problems.map(({ done, ...problem }) => ({
      ...problem,
      path: textFromName(problem.path),
      done: done === null ? null : { ...done, path: textFromName(done.path) },
    })),
  };
}
