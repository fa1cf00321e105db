import { collect, parserOf } from './parser.js';
import { helperStatus, UsageError } from './status.js';

interface HelperFlags {
  option: string[];
  fake?: true;
  verbose?: true;
  sloppy?: true;
  readOnly?: true;
  namespace?: string;
}

function parser(name: string) {
  return parserOf(name, {
    summary: 'Called by mount(8) to mount a union; see tsaufs mount --help for the options.',
    usage: ['SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]'],
  })
    .argument('<source>', 'such as none; only shown')
    .argument('<mountpoint>', 'a directory')
    .option('-o, --option <options>', 'as of tsaufs mount', collect, [])
    .option('-f, --fake', 'check everything, and mount nothing')
    .option('-s, --sloppy', 'pass over options that are not known, with a warning')
    .option('-v, --verbose', 'say what is done')
    .option('-n, --no-mtab', 'nothing is written to /etc/mtab in any case')
    .option('-r, --read-only', 'the same as -o ro')
    .option('-w, --read-write', 'the same as -o rw')
    .option('-N, --namespace <namespace>', 'a process id or file: mount in that mount namespace')
    .option('-t, --types <type>', 'taken as it is')
    .allowExcessArguments(false);
}

/**
 * `mount.tsaufs` and its like, the program that mount(8) runs for a file system's type: its manual's EXTERNAL HELPERS.
 * Here -f is mount(8)'s, which is --dry-run of `tsaufs mount`. Returns an exit status of mount(8).
 */
export async function mountHelper(name: string, args: string[]): Promise<number> {
  try {
    return await mountAsAsked(name, args);
  } catch (error) {
    return helperStatus(error);
  }
}

async function mountAsAsked(name: string, args: string[]): Promise<number> {
  const command = parser(name).parse(args, { from: 'user' });
  const flags = command.opts<HelperFlags>();
  const [source, mountpoint] = command.args;
  if (mountpoint === '') throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  if (flags.namespace !== undefined) {
    const { runInNamespace } = await import('./mount-namespace.js');
    return runInNamespace(flags.namespace, name, [source, mountpoint, ...again(flags)]);
  }
  const { mountUnion } = await import('./mount.js');
  return mountUnion({
    texts: flags.readOnly ? [...flags.option, 'ro'] : flags.option,
    source,
    mountpoint,
    verbose: flags.verbose ?? false,
    sloppy: flags.sloppy ?? false,
    dryRun: flags.fake ?? false,
    foreground: false,
    adapter: 'auto',
  });
}

/** The flags once more, without the namespace. */
function again(flags: HelperFlags): string[] {
  return [
    ...(flags.fake ? ['-f'] : []), ...(flags.sloppy ? ['-s'] : []), ...(flags.verbose ? ['-v'] : []), ...(flags.readOnly ? ['-r'] : []),
    ...flags.option.flatMap((text) => ['-o', text]),
  ];
}
