import { unmountPath } from '../daemon/unmount.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';

const examples = `
Examples:
  tsaufs umount ./container
  tsaufs umount -l /mnt
      /mnt is free at once; who has files open there can go on with them
`;

export function umountParser() {
  return parserFor('umount')
    .argument('<mountpoints...>', 'where they are mounted')
    .option('-l, --lazy', 'detach a union that is in use')
    .option('-i, --internal-only', 'leave pseudo-links in .wh..wh.plnk as they are, as umount -i does with AUFS')
    .option('-v, --verbose', 'say what is done')
    .option('-o, --option <options>', 'accepted for umount(8): has no effect', collect, [])
    .addHelpText('after', examples);
}

/** `tsaufs umount`. Tries every mount point it was given; the status is 1 if one could not be unmounted. */
export async function umountCommand(args: string[]): Promise<number> {
  const command = umountParser().parse(args, { from: 'user' });
  const flags = command.opts<{ lazy?: true; internalOnly?: true; verbose?: true }>();
  if (command.args.includes('')) throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  let status = 0;
  for (const mountpoint of command.args) {
    try {
      const remark = await unmountPath(mountpoint, { lazy: flags.lazy ?? false, keepPlinks: flags.internalOnly ?? false });
      if (remark !== undefined) process.stderr.write(`tsaufs: ${remark}\n`);
      else if (flags.verbose) process.stdout.write(`tsaufs: ${mountpoint} unmounted\n`);
    } catch (error) {
      process.stderr.write(`tsaufs: ${(error as Error).message}\n`);
      status = 1;
    }
  }
  return status;
}
