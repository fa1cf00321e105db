import { remountPath } from '../daemon/remount-path.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';

const examples = `
Options, carried out from left to right; the first that fails is the last:
  add:INDEX:BRANCH, append:BRANCH, prepend:BRANCH    BRANCH is a path, or PATH=PERM such as /x=ro+wh
  del:PATH, mod:PATH=PERM
  ro, rw, noatime, udba=none and the like            as at the mount
  clean_plink                                        makes pseudo-links real

Examples:
  tsaufs remount -o append:./image3 ./container
  tsaufs remount -o prepend=/day1,mod=/day0=ro,del=/day0 /mnt
  tsaufs mount -o remount,ro /mnt
`;

export function remountParser() {
  return parserFor('remount')
    .argument('<mountpoint>', 'where it is mounted')
    .option('-o, --option <options>', 'what to change, separated by commas', collect, [])
    .option('-v, --verbose', 'say what is done')
    .option('--dry-run', 'check the options, and change nothing')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs remount`. */
export async function remountCommand(args: string[]): Promise<number> {
  const command = remountParser().parse(args, { from: 'user' });
  const flags = command.opts<{ option: string[]; verbose?: true; dryRun?: true }>();
  if (flags.option.length === 0) {
    throw new UsageError('nothing to change; usage: tsaufs remount -o append=BRANCH MOUNTPOINT');
  }
  return remountUnion(flags.option, command.args[0], flags);
}

/** How a remount is to be done: {@link AskedMount} has the same. */
export interface RemountWay {
  verbose?: boolean;
  dryRun?: boolean;
  sloppy?: boolean;
}

/** Also for `tsaufs mount -o remount,…`. */
export async function remountUnion(texts: readonly string[], written: string, way: RemountWay): Promise<number> {
  if (written === '') throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  const { mountpoint, notes, output } = await remountPath(written, texts, way);
  for (const note of notes) process.stderr.write(`tsaufs: warning: ${note}\n`);
  for (const line of output) process.stdout.write(`${line}\n`);
  if (way.dryRun) process.stdout.write(`tsaufs: would remount ${mountpoint}\n`);
  else if (way.verbose) process.stdout.write(`tsaufs: ${mountpoint} remounted\n`);
  return 0;
}
