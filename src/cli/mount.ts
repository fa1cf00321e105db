import type { BackgroundRequest } from '../daemon/background.js';
import type { AdapterName } from '../daemon/adapters.js';
import { parseMountOptions, type ParsedMount } from '../options/mount.js';
import { formatMode } from '../options/branch.js';
import { isRemount } from '../options/remount.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';

interface MountFlags {
  option: string[];
  foreground?: true;
  verbose?: true;
  readOnly?: true;
  sloppy?: true;
  dryRun?: true;
  ui?: true;
  adapter: string;
}

/** A mount as a command line asks for it. */
export interface AskedMount {
  /** Those of `-o`, in order. */
  texts: string[];
  source: string;
  mountpoint: string;
  verbose: boolean;
  /** Unknown options are passed over. */
  sloppy: boolean;
  /** Everything is checked, and nothing mounted. */
  dryRun: boolean;
  foreground: boolean;
  adapter: AdapterName;
}

const examples = `
All options, and the form of branches, are in tsaufs(5) and docs/options.md.

Examples:
  tsaufs mount -o br=./image1:./image2 ./container
      image1 is written to, image2 only read
  tsaufs mount -o br=/rw=rw:/layer2=ro+wh:/layer1=ro none /mnt
  tsaufs mount -f -o ro,br=/a=ro:/b=ro /mnt
      in the foreground, until ^C or umount
  mount -t fuse.tsaufs -o br=/rw:/ro,noatime none /mnt
      /etc/fstab: none /mnt fuse.tsaufs br=/rw:/ro 0 0
`;

export function mountParser() {
  return parserFor('mount')
    .argument('[arguments...]', 'SOURCE, such as none, is only shown; MOUNTPOINT is a directory')
    .option('-o, --option <options>', 'br=BRANCH[=PERM]:BRANCH… and other mount options, separated by commas', collect, [])
    .option('-f, --foreground', 'stay in the foreground')
    .option('-v, --verbose', 'say what is done')
    .option('-r, --read-only', 'the same as -o ro')
    .option('-w, --read-write', 'the same as -o rw')
    .option('-n, --no-mtab', 'accepted for mount(8): nothing is written to /etc/mtab anyway')
    .option('-s, --sloppy', 'pass over options that are not known, with a warning')
    .option('--dry-run', 'check the options, the branches and the mount point, and mount nothing')
    .option('-t, --types <type>', 'accepted for mount(8)')
    .option('--ui', 'then show it as a page in the browser, as tsaufs ui does, until ^C; the mount goes on')
    .option('--adapter <name>', 'how to speak to the kernel: auto, kernel or fuse-native', 'auto')
    .addHelpText('after', examples);
}

/** `tsaufs mount`. Returns the exit status once the mount answers, with -f once it has ended. */
export async function mountCommand(args: string[]): Promise<number> {
  const command = mountParser().parse(args, { from: 'user' });
  const flags = command.opts<MountFlags>();
  const { source, mountpoint } = places(command.args);
  const texts = optionTexts(args, flags);
  if (flags.ui && (flags.foreground || flags.dryRun)) throw new UsageError('--ui shows a union that is mounted in the background: leave out -f and --dry-run');
  if (flags.ui && isRemount(texts)) throw new UsageError('--ui is for a new mount; see one that there is with tsaufs ui MOUNTPOINT');
  const status = await mountUnion({
    texts,
    source,
    mountpoint,
    verbose: flags.verbose ?? false,
    sloppy: flags.sloppy ?? false,
    dryRun: flags.dryRun ?? false,
    foreground: flags.foreground ?? false,
    adapter: adapterName(flags.adapter),
  });
  return flags.ui ? showMounted(await absolute(mountpoint), flags.verbose ?? false) : status;
}

/** Also for the helpers of mount(8). Returns the exit status. */
export async function mountUnion(asked: AskedMount): Promise<number> {
  const { texts, mountpoint, verbose, adapter } = asked;
  if (isRemount(texts)) return (await import('./remount.js')).remountUnion(texts, mountpoint, asked);
  const options = parseMountOptions(texts, process.cwd(), asked.sloppy);
  if (verbose) options.union.verbose = true;
  if (asked.dryRun) return rehearse(mountpoint, options);
  const { adapterWarnings } = await import('../daemon/adapters.js');
  options.warnings.push(...adapterWarnings(adapter, options.mount));
  const request: Omit<BackgroundRequest, 'state'> = {
    source: options.mount.source ?? asked.source,
    mountpoint: await absolute(mountpoint),
    options,
    adapter,
  };
  return asked.foreground ? mountForeground(request) : mountBackground(request, verbose);
}

async function rehearse(mountpoint: string, options: ParsedMount): Promise<number> {
  sayWarnings(options);
  const { rehearseMount } = await import('../daemon/rehearsal.js');
  await rehearseMount(mountpoint, options.union.branches);
  const branches = options.union.branches.map((branch) => `${branch.path}=${formatMode(branch)}`);
  process.stdout.write(`tsaufs: would mount ${branches.join(':')} on ${await absolute(mountpoint)}\n`);
  return 0;
}

function places(args: string[]): { source: string; mountpoint: string } {
  if (args.length === 1) return { source: 'none', mountpoint: args[0] };
  if (args.length === 2) return { source: args[0], mountpoint: args[1] };
  throw new UsageError(args.length === 0
    ? 'no mount point given; usage: tsaufs mount -o br=UPPER:LOWER MOUNTPOINT'
    : `too many arguments: ${args.join(' ')}; usage: tsaufs mount -o OPTIONS [SOURCE] MOUNTPOINT`);
}

/** -r and -w stand for options at their place in the order of the -o; commander only tells that they were there. */
function optionTexts(args: string[], flags: MountFlags): string[] {
  if (!flags.readOnly && !args.includes('-w') && !args.includes('--read-write')) return flags.option;
  return [...flags.option, flags.readOnly ? 'ro' : 'rw'];
}

function adapterName(name: string): AdapterName {
  if (name === 'auto' || name === 'kernel' || name === 'fuse-native') return name;
  throw new UsageError(`unknown adapter "${name}"; there are auto, kernel and fuse-native`);
}

async function absolute(mountpoint: string): Promise<string> {
  return (await import('node:path')).resolve(mountpoint);
}

async function mountBackground(request: Omit<BackgroundRequest, 'state'>, verbose: boolean): Promise<number> {
  const { mountInBackground } = await import('../daemon/background.js');
  sayWarnings(request.options);
  await mountInBackground(request);
  if (verbose) process.stdout.write(`tsaufs: mounted on ${request.mountpoint}\n`);
  return 0;
}

/**
 * The page is served by this command, in the foreground: who asked for it looks at it now, ^C ends it, and no server is left
 * behind that nobody thinks of. The mount is in the background as always, and does not depend on it.
 */
async function showMounted(mountpoint: string, verbose: boolean): Promise<number> {
  const { showPage } = await import('./ui.js');
  try {
    return await showPage(mountpoint, { verbose });
  } catch (error) {
    throw new Error(`${(error as Error).message}; the union is mounted on ${mountpoint} all the same`, { cause: error });
  }
}

async function mountForeground(request: Omit<BackgroundRequest, 'state'>): Promise<number> {
  const { mountInForeground } = await import('../daemon/foreground.js');
  sayWarnings(request.options);
  const failure = await mountInForeground(request);
  return failure === undefined ? 0 : 1;
}

function sayWarnings(options: ParsedMount): void {
  for (const warning of options.warnings) process.stderr.write(`tsaufs: warning: ${warning}\n`);
}
