// `tsaufs image`: images in a store of our own, in the layout of Docker's.
import { ImageStore } from '../layers/store/store.js';
import { UsageError } from './status.js';

const usage = `tsaufs image: images, and containers made from them

Usage:
  tsaufs image import [--name NAME[:TAG]] [--platform OS/ARCH] ARCHIVE|OCI-LAYOUT[:TAG]
  tsaufs image list [--json]
  tsaufs image history [--json] NAME
  tsaufs image mount [--read-only] [--no-init] NAME|CONTAINER MOUNTPOINT
  tsaufs image commit [-m MESSAGE] [-a AUTHOR] [-c INSTRUCTION] MOUNTPOINT|CONTAINER [NAME[:TAG]]
  tsaufs image export [--format oci|docker] NAME DESTINATION
  tsaufs image rm [--force] NAME|CONTAINER…
  tsaufs image COMMAND --help

All take --store DIRECTORY; without it images are in ${ImageStore.defaultRoot()}.
`;

type Command = (args: string[]) => Promise<number>;

const commands: Record<string, () => Promise<Command>> = {
  import: async () => (await import('./image-import.js')).imageImport,
  list: async () => (await import('./image-list.js')).imageList,
  history: async () => (await import('./image-history.js')).imageHistory,
  mount: async () => (await import('./image-mount.js')).imageMount,
  commit: async () => (await import('./image-commit.js')).imageCommit,
  export: async () => (await import('./image-export.js')).imageExport,
  rm: async () => (await import('./image-rm.js')).imageRm,
};

/** `tsaufs image …` */
export async function imageCommand(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (args.length === 0 || name === '--help' || name === '-h') {
    process.stdout.write(usage);
    return 0;
  }
  if (!Object.hasOwn(commands, name)) throw new UsageError(`there is no command "image ${name}"; there are ${Object.keys(commands).join(', ')}`);
  return (await commands[name]())(rest);
}
