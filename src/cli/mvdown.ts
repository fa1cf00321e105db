import { createInterface } from 'node:readline';
import { Option } from 'commander';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { moveDownAt, type MoveDownResult } from '../daemon/move-down.js';
import { shownName } from '../layers/error.js';
import type { MoveDownWish } from '../union/mvdown-site.js';
import { parserFor } from './parser.js';
import { ProgressLine } from './progress.js';
import { bytesOf } from './raw-arguments.js';
import { exitStatus, UsageError } from './status.js';
import { type UnionPath, unionPath } from './union-path.js';

const examples = `
A file goes from the branch it is seen on to the next one below that takes writes; the union shows it as before. It must not
be open, and must have one name only; directories are not moved. BRANCH is a directory, an id, or a position counted from 0.

Exit status: 0 when all were moved; 1 when some were not; 2 for a wrong command line.

Examples:
  tsaufs mvdown ./container/big.iso
  tsaufs mvdown -v -o -b ./image2 ./container/etc/passwd
  tsaufs mvdown --dry-run ./container/var/log/*
`;

export function mvdownParser() {
  return parserFor('mvdown')
    .argument('<paths...>', 'files in mounted unions')
    .option('-b, --lower-branch-id <branch>', 'to this branch')
    .option('-B, --upper-branch-id <branch>', 'only if it is seen on this branch')
    .option('-k, --keep-upper', 'leave the upper file, which goes on being the one that is seen')
    .option('-o, --overwrite-lower', 'replace what the lower branch has of that name')
    .option('-r, --allow-ro-lower', 'also to a branch that the union does not write to')
    .option('-R, --allow-ro-upper', 'also from a branch that the union does not write to')
    .option('-i, --interactive', 'ask before each file')
    .option('-n, --dry-run', 'check, say what would be moved, and change nothing')
    .option('-v, --verbose', 'say what was moved')
    .option('--json', 'as JSON')
    .addOption(new Option('-d, --dmsg').hideHelp())
    .addOption(new Option('-s, --stfs').hideHelp())
    .addHelpText('after', examples);
}

interface Flags {
  lowerBranchId?: string;
  upperBranchId?: string;
  keepUpper?: true;
  overwriteLower?: true;
  allowRoLower?: true;
  allowRoUpper?: true;
  interactive?: true;
  dryRun?: true;
  verbose?: true;
  json?: true;
}

interface Told {
  path: string;
  result: MoveDownResult;
}

/** `tsaufs mvdown`. */
export async function mvdownCommand(args: string[]): Promise<number> {
  const command = mvdownParser().parse(args, { from: 'user' });
  const flags = command.opts<Flags>();
  if (command.args.includes('')) throw new UsageError('the name of a file is empty; name one');
  const wish = wishOf(flags);
  const paths = bytesOf(command.args).map((written) => ({ written, at: unionPath(written) }));
  const questions = flags.interactive ? new Questions() : null;
  const told: Told[] = [];
  let status = 0;
  try {
    for (const { written, at } of paths) {
      if (questions !== null && !await questions.agreed(written)) continue;
      try {
        const result = await move(written, at, wish);
        told.push({ path: written, result });
        if (!flags.json) tell(written, result, flags);
        if (result.kind === 'refused') status = 1;
      } catch (error) {
        status = exitStatus(error);
      }
    }
  } finally {
    questions?.close();
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(told.map((one) => asJson(one, flags.dryRun ?? false)), null, 2)}\n`);
  return status;
}

function wishOf(flags: Flags): Omit<MoveDownWish, 'path'> & { dryRun: boolean } {
  const { lowerBranchId: lower, upperBranchId: upper } = flags;
  return {
    ...(lower === undefined ? {} : { lower: branchOf(lower) }),
    ...(upper === undefined ? {} : { upper: branchOf(upper) }),
    keepUpper: flags.keepUpper ?? false,
    overwrite: flags.overwriteLower ?? false,
    readonlyLower: flags.allowRoLower ?? false,
    readonlyUpper: flags.allowRoUpper ?? false,
    dryRun: flags.dryRun ?? false,
  };
}

function branchOf(written: string): string | number {
  if (written === '') throw new UsageError('the branch is empty; it is a directory, an id, or a position counted from 0');
  return /^\d+$/.test(written) ? Number(written) : resolveMountpoint(written);
}

/** Asks on standard error, and reads lines from standard input; its end is no. */
class Questions {
  private readonly input = createInterface({ input: process.stdin });
  private readonly lines = this.input[Symbol.asyncIterator]();

  async agreed(written: string): Promise<boolean> {
    process.stderr.write(`move down '${shownName(written)}'? `);
    const line = await this.lines.next() as IteratorResult<string, undefined>;
    return line.done !== true && /^y/i.test(line.value);
  }

  close(): void {
    this.input.close();
  }
}

async function move(written: string, { mountpoint, path }: UnionPath, wish: ReturnType<typeof wishOf>): Promise<MoveDownResult> {
  let line: ProgressLine | undefined;
  try {
    return await moveDownAt(mountpoint, { ...wish, path }, (bytes, size) => {
      line ??= new ProgressLine(shownName(written), size);
      line.onProgress?.(bytes);
    });
  } finally {
    line?.clear();
  }
}

function tell(written: string, result: MoveDownResult, { dryRun, verbose, keepUpper }: Flags): void {
  if (result.kind === 'refused') {
    process.stderr.write(`tsaufs: ${shownName(written)}: ${result.text}\n`);
  } else if (dryRun || verbose) {
    const what = keepUpper ? 'copied' : 'moved';
    const over = result.overwrote ? ', over what is there' : '';
    process.stdout.write(`${shownName(written)} ${dryRun ? `would be ${what}` : what} from ${branchText(result.upper)} to ${branchText(result.lower)}${over}\n`);
  }
}

function branchText({ path, readonly }: { path: string; readonly: boolean }): string {
  return readonly ? `${path} (read-only)` : path;
}

function asJson({ path, result: { kind, ...rest } }: Told, dryRun: boolean): object {
  return { path: shownName(path), moved: kind === 'moved', ...(kind === 'moved' ? { dryRun } : {}), ...rest };
}
