import { closeSync, openSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { mountAt, mountType } from '../daemon/mount-table.js';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { type MountedUnion, unionAt } from '../daemon/sync.js';
import { LayerError, shownName } from '../layers/error.js';
import { syncTree, type SyncChange, type Synced, type SyncLeft, type SyncOptions } from '../layers/sync/sync-tree.js';
import { raiseNofile } from '../posix/limits.js';
import { textFromName } from '../posix/name.js';
import { type Drop, dropOne } from '../union/drop-upper.js';
import { parserFor } from './parser.js';
import { ProgressLine } from './progress.js';
import { UsageError } from './status.js';
import { bytesText } from './table.js';
import { unionOn } from './union-on.js';

const examples = `
DEST is a lower branch of the union, or any other directory. Then it has what the upper branch has: files with all their
attributes, hard links among them; what the upper branch hides is deleted there. Names of AUFS's own are not copied.

With --move the upper branch is emptied after that; the union shows the same all the time. DEST must then be a branch of it,
unless it is not mounted. Where a branch between the two would hide something, that stays, and is told.

A mounted union takes no changes meanwhile: no file may be open for writing. With --live (only --copy) it does.
Interrupted at any moment it can be begun anew.

Exit status: 0 when all was done; 1 when something was not; 2 for a wrong command line.

Examples:
  tsaufs sync --dry-run ./container ./image2
  tsaufs sync --move ./container ./image2
  tsaufs sync --upper ./image1 ./backup ./image2
      of branches that are not mounted
`;

export function syncParser() {
  return parserFor('sync')
    .argument('<mountpoint>', 'where the union is mounted; or, with --upper, a directory to be changed')
    .argument('[dests...]', 'the directories to be changed')
    .option('-c, --copy', 'leave the upper branch as it is (the default)')
    .option('-m, --move', 'empty the upper branch afterwards')
    .option('-u, --upper <branch>', 'the branch to be copied; the first writable one of the union if not given')
    .option('--live', 'copy while the union is changed; what changes meanwhile may be missed')
    .option('-n, --dry-run', 'list what would be changed, and change nothing')
    .option('-v, --verbose', 'list what is changed')
    .option('-q, --quiet', 'say nothing but what could not be done')
    .option('--json', 'as JSON')
    .addHelpText('after', examples);
}

interface Flags {
  copy?: true;
  move?: true;
  upper?: string;
  live?: true;
  dryRun?: true;
  verbose?: true;
  quiet?: true;
  json?: true;
}

/** What is to be done to one directory. */
type Task = Pick<SyncOptions, 'upper' | 'dest' | 'between' | 'below' | 'whiteouts'> & {
  /** Its position in the union; Infinity where it is no branch. */
  index: number;
};

interface Report {
  dest: string;
  changes: SyncChange[];
  left: SyncLeft[];
  bytes: number;
}

/** `tsaufs sync`. */
export async function syncCommand(args: string[]): Promise<number> {
  const command = syncParser().parse(args, { from: 'user' });
  const flags = command.opts<Flags>();
  if (flags.copy && flags.move) throw new UsageError('only one of --copy and --move can be given; leave the other out');
  if (flags.live && flags.move) throw new UsageError('--live is for --copy: what is changed while it is moved might be lost');
  if (command.args.includes('') || flags.upper === '') throw new UsageError('the name of a directory is empty; name one, or leave it out');
  const [first, ...rest] = command.args;
  const isMounted = mountAt(resolveMountpoint(first))?.type === mountType;
  if (!isMounted && flags.upper === undefined) throw new UsageError(`${first} is not a tsaufs mount; without one, name the branch to be copied with --upper`);
  const dests = isMounted ? rest : command.args;
  if (dests.length === 0) throw new UsageError('where to? name a lower branch, or another directory, after the mount point');
  raiseNofile();
  const union = isMounted ? unionAt(first) : null;
  const tasks = tasksOf(union, flags, dests);
  return union === null ? syncDirectories(tasks, flags) : syncMounted(union, tasks, flags);
}

// --- what is to be done -------------------------------------------------------------------------------

function tasksOf(union: MountedUnion | null, { upper: given, move }: Flags, dests: readonly string[]): Task[] {
  const branches = union?.branches ?? [];
  const upper = given === undefined ? branches.find(({ writable }) => writable)?.path : directory(given);
  if (union === null) mustBeNobodys([...move ? [given!] : [], ...dests]);
  if (upper === undefined) throw new UsageError('the union has no writable branch; name the branch to be copied with --upper');
  const at = branches.findIndex(({ path }) => path === upper);
  if (union !== null && at < 0) throw new UsageError(`${upper} is no branch of the union on ${union.mountpoint}; it has ${branches.map(({ path }) => path).join(', ')}`);
  const tasks = dests.map((dest): Task => {
    const path = directory(dest);
    if (isWithin(path, upper) || isWithin(upper, path)) throw new UsageError(`${path} and the branch ${upper} lie in one another; name a directory outside`);
    if (union !== null && isWithin(path, union.mountpoint)) throw new UsageError(`${path} lies in the union itself; name a directory outside`);
    const index = branches.findIndex((branch) => branch.path === path);
    if (index >= 0 && index < at) throw new UsageError(`${path} lies above ${upper} in the union, and hides it; name a branch below`);
    if (index < 0) return { upper, dest: path, between: [], below: [], whiteouts: false, index: Infinity };
    return { upper, dest: path, between: branches.slice(at + 1, index), below: branches.slice(index + 1), whiteouts: branches[index].whiteouts, index };
  });
  if (new Set(tasks.map(({ dest }) => dest)).size < tasks.length) throw new UsageError('a directory is given twice; name it once');
  if (move && union !== null && !tasks.some(({ index }) => index < Infinity)) {
    throw new UsageError(`${tasks[0].dest} is no branch of the union, which would not show any more what is moved there; use --copy, or add it first: tsaufs remount -o append=${tasks[0].dest}`);
  }
  return tasks.sort((a, b) => a.index - b.index);
}

/** What is changed past a union, while that changes it, may be lost. */
function mustBeNobodys(directories: readonly string[]): void {
  for (const each of directories) {
    const mountpoint = unionOn(directory(each));
    if (mountpoint !== undefined) throw new UsageError(`${each} belongs to the union on ${mountpoint}; name that first: tsaufs sync ${mountpoint} DEST`);
  }
}

function directory(written: string): string {
  if (statSync(written, { throwIfNoEntry: false })?.isDirectory() !== true) throw new UsageError(`${written} is not a directory; name one`);
  return realpathSync.native(written);
}

function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
}

// --- doing it -----------------------------------------------------------------------------------------

async function syncMounted(union: MountedUnion, tasks: readonly Task[], flags: Flags): Promise<number> {
  if (flags.dryRun) return finish(syncAll(tasks, flags), [], flags);
  if (flags.live) {
    await union.flush();
    return finish(syncAll(tasks, flags), [], flags);
  }
  const still = await union.holdStill();
  try {
    const done = syncAll(tasks, flags);
    return finish(done, flags.move ? await empty(done, (task, drops) => union.drop(task.upper, task.dest, drops)) : [], flags);
  } finally {
    await still.end();
  }
}

async function syncDirectories(tasks: readonly Task[], flags: Flags): Promise<number> {
  const done = syncAll(tasks, flags);
  return finish(done, flags.move && !flags.dryRun ? await empty(done, (task, drops) => Promise.resolve(dropPlainly(task, drops))) : [], flags);
}

interface Done {
  task: Task;
  report: Report;
  synced: Synced;
}

/** The upper branch is emptied for the first of them. */
function syncAll(tasks: readonly Task[], flags: Flags): Done[] {
  return tasks.map((task, i) => syncOne(task, flags, (flags.move ?? false) && i === 0));
}

/** First without changing anything: whether there is room, and how much is to be copied. */
function syncOne(task: Task, flags: Flags, move: boolean): Done {
  const report: Report = { dest: task.dest, changes: [], left: [], bytes: 0 };
  const options: SyncOptions = {
    ...task, dryRun: true, move, onChange: () => undefined, onLeft: () => undefined, onWarning: () => undefined, onBytes: () => undefined,
  };
  const plan = syncTree(options);
  mustHaveRoom(task.dest, plan.room);
  const line = new ProgressLine(task.dest, plan.bytes);
  let copied = 0;
  try {
    const synced = syncTree({
      ...options,
      dryRun: flags.dryRun ?? false,
      onChange: (change) => {
        report.changes.push(change);
        if ((flags.verbose || flags.dryRun) && !flags.json) {
          line.clear();
          process.stdout.write(`${change.action.padEnd('attributes'.length)}  ${shownName(change.path)}\n`);
        }
      },
      onLeft: (left) => {
        report.left.push(left);
        line.clear();
        if (!flags.json) process.stderr.write(`tsaufs: ${shownName(left.path)} ${left.stays ? `stays on ${task.upper}` : `was not copied to ${task.dest}`}: ${shownName(left.reason)}\n`);
      },
      onWarning: (message) => process.stderr.write(`tsaufs: warning: ${message}\n`),
      onBytes: (bytes) => {
        copied += bytes;
        line.onProgress?.(copied);
      },
    });
    report.bytes = synced.bytes;
    return { task, report, synced };
  } finally {
    line.clear();
  }
}

function mustHaveRoom(dest: string, room: number): void {
  const { bavail, bfree, bsize, blocks } = statfsSync(dest);
  const free = (process.geteuid!() === 0 ? bfree : bavail) * bsize;
  if (blocks > 0 && room > free) throw new LayerError(`${dest} has no room: it has ${bytesText(free)} left, and ${bytesText(room)} are needed; nothing was changed`);
}

/** Takes away from the upper branch what the first of the directories has now. Returns what stays. */
async function empty(done: readonly Done[], drop: (task: Task, drops: readonly Drop[]) => Promise<(string | null)[]>): Promise<SyncLeft[]> {
  if (done.some(({ synced }) => synced.failed)) return [];
  const [{ task, synced: { drops } }] = done;
  const reasons = await drop(task, drops);
  return drops.flatMap((one, i) => {
    const reason = reasons[i];
    if (reason === null) return [];
    return (one.kind === 'file' ? one.paths : [one.path]).map((path) => ({ path: `/${path}`, reason, stays: true }));
  });
}

const nobody = { file: () => null, fileGone: () => undefined, directory: () => null, directoryGone: () => undefined };

function dropPlainly({ upper, dest }: Task, drops: readonly Drop[]): (string | null)[] {
  const fds = [openSync(upper, 'r'), openSync(dest, 'r')];
  try {
    return drops.map((drop) => dropOne(fds[0], fds[1], drop, nobody));
  } finally {
    fds.forEach(closeSync);
  }
}

// --- what is told ---------------------------------------------------------------------------------------

function finish(done: readonly Done[], stays: readonly SyncLeft[], flags: Flags): number {
  const failed = done.some(({ synced }) => synced.failed);
  const left = [...done[0].report.left.filter((one) => one.stays), ...stays];
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({
      upper: done[0].task.upper, dryRun: flags.dryRun ?? false,
      dests: done.map(({ report: { dest, changes, bytes, left: all } }) => ({
        dest, bytes, changes: changes.map(textual), failed: all.filter((one) => !one.stays).map(textual),
      })),
      ...(flags.move ? { moved: !failed, stays: left.map(textual) } : {}),
    }, null, 2)}\n`);
  } else {
    for (const { path, reason } of stays) process.stderr.write(`tsaufs: ${shownName(path)} stays on ${done[0].task.upper}: ${shownName(reason)}\n`);
    if (!flags.quiet) for (const { report } of done) process.stdout.write(summary(report, flags.dryRun ?? false));
    if (failed && flags.move && !flags.dryRun) process.stderr.write(`tsaufs: ${done[0].task.upper} is left as it was, since not all could be copied\n`);
  }
  return failed || (flags.move && left.length > 0) ? 1 : 0;
}

function textual({ stays: _stays, path, ...rest }: { path: string; stays?: boolean; action?: string; reason?: string }): object {
  return { ...rest, path: textFromName(path) };
}

const words: Record<SyncChange['action'], string> = {
  add: 'added', replace: 'replaced', delete: 'deleted', attributes: 'changed in their attributes', whiteout: 'hidden by whiteouts', opaque: 'made opaque',
};

function summary({ dest, changes, bytes }: Report, dryRun: boolean): string {
  const counts = new Map<SyncChange['action'], number>();
  for (const { action } of changes) counts.set(action, (counts.get(action) ?? 0) + 1);
  const parts = Object.entries(words).flatMap(([action, word]) => {
    const count = counts.get(action as SyncChange['action']);
    return count === undefined ? [] : [`${count} ${word}`];
  });
  if (parts.length === 0) return `${dest}: nothing to do\n`;
  return `${dest}: ${parts.join(', ')}; ${bytesText(bytes)} ${dryRun ? 'would be copied' : 'copied'}\n`;
}
