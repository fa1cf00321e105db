import { parserOf } from './parser.js';
import { helperStatus, UsageError } from './status.js';

interface HelperFlags {
  force?: true;
  lazy?: true;
  readOnly?: true;
  verbose?: true;
  namespace?: string;
}

function parser(name: string) {
  return parserOf(name, {
    summary: 'Called by umount(8) to unmount a union: its pseudo-links are flushed, and its process has ended afterwards.',
    usage: ['MOUNTPOINT [-flnrv] [-N NAMESPACE] [-t TYPE]'],
  })
    .argument('<mountpoint>', 'where it is mounted')
    .option('-f, --force', 'end a mount whose process does not answer; who waits for it gets an error')
    .option('-l, --lazy', 'detach a union that is in use')
    .option('-n, --no-mtab', 'nothing is written to /etc/mtab in any case')
    .option('-r, --read-only', 'make it read-only if it is in use')
    .option('-v, --verbose', 'say what is done')
    .option('-N, --namespace <namespace>', 'a process id or file: unmount in that mount namespace')
    .option('-t, --types <type>', 'taken as it is')
    .allowExcessArguments(false);
}

/** `umount.fuse.tsaufs` and its like, the program that umount(8) runs: its manual's EXTERNAL HELPERS. Returns umount(8)'s exit status. */
export async function umountHelper(name: string, args: string[]): Promise<number> {
  try {
    return await unmountAsAsked(name, args);
  } catch (error) {
    return helperStatus(error);
  }
}

async function unmountAsAsked(name: string, args: string[]): Promise<number> {
  const command = parser(name).parse(args, { from: 'user' });
  const flags = command.opts<HelperFlags>();
  const [mountpoint] = command.args;
  if (mountpoint === '') throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  if (flags.namespace !== undefined) {
    const { runInNamespace } = await import('./mount-namespace.js');
    return runInNamespace(flags.namespace, name, [mountpoint, ...again(flags)]);
  }
  const { unmountPath } = await import('../daemon/unmount.js');
  try {
    const remark = await unmountPath(mountpoint, { lazy: flags.lazy ?? false, force: flags.force ?? false });
    if (remark !== undefined) process.stderr.write(`tsaufs: ${remark}\n`);
    else if (flags.verbose) process.stdout.write(`tsaufs: ${mountpoint} unmounted\n`);
    return 0;
  } catch (error) {
    if (!flags.readOnly || !isBusy(error)) throw error;
    const { remountUnion } = await import('./remount.js');
    const status = await remountUnion(['ro'], mountpoint, {});
    process.stderr.write(`tsaufs: ${mountpoint} is busy; it is read-only now\n`);
    return status;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && error.name === 'BusyError';
}

/** The flags once more, without the namespace. */
function again({ force, lazy, readOnly, verbose }: HelperFlags): string[] {
  return [...(force ? ['-f'] : []), ...(lazy ? ['-l'] : []), ...(readOnly ? ['-r'] : []), ...(verbose ? ['-v'] : [])];
}
