import { readFileSync } from 'node:fs';

const text = `tsaufs: AUFS for today's Linux, in user space

Usage:
  tsaufs mount [-f] [-v] -o OPTIONS [SOURCE] MOUNTPOINT
  tsaufs remount [-v] -o OPTIONS MOUNTPOINT
  tsaufs umount [-l] MOUNTPOINT…
  tsaufs list [-v] [--json]
  tsaufs explain [--json] [-o OPTIONS] PATH…
  tsaufs tree [-L LEVELS] [-a] [--json] MOUNTPOINT
  tsaufs trace [-k KIND,…] [-p PATH] [--json] MOUNTPOINT
  tsaufs diff [--json] MOUNTPOINT
  tsaufs diff [--json] [--below DIR[:DIR…]] DIR
  tsaufs check [--below DIR[:DIR…]] [--repair] [-w|-r] [-n] [--json] BRANCH…
  tsaufs plink list|cpup|flush [-n] [--json] MOUNTPOINT
  tsaufs busy [-p] [--json] MOUNTPOINT BRANCH
  tsaufs layer apply LAYER DIR
  tsaufs layer pack [-o FILE] [--gzip] DIR
  tsaufs image import|list|history|mount|commit|export|rm …
  tsaufs docker inspect|mount|export …
  tsaufs graphdriver [-v] [--socket PATH]
  tsaufs COMMAND --help
  tsaufs --version

In the manner of mount(8), which needs no command:
  tsaufs -o OPTIONS [SOURCE] MOUNTPOINT
  tsaufs SOURCE MOUNTPOINT -o OPTIONS

Examples:
  tsaufs mount -o br=./image1:./image2 ./container
      image1 is written to, image2 only read; container shows both
  tsaufs remount -o append=./image3 ./container
  tsaufs list
  tsaufs umount ./container
`;

/** `tsaufs help [COMMAND]`. */
export async function helpCommand(args: string[]): Promise<number> {
  const [name] = args;
  if (name === 'mount') return (await import('./mount.js')).mountCommand(['--help']);
  if (name === 'remount') return (await import('./remount.js')).remountCommand(['--help']);
  if (name === 'umount' || name === 'unmount') return (await import('./umount.js')).umountCommand(['--help']);
  if (name === 'graphdriver') return (await import('./graphdriver.js')).graphdriverCommand(['--help']);
  if (name === 'explain') return (await import('./explain.js')).explainCommand(['--help']);
  if (name === 'tree') return (await import('./tree.js')).treeCommand(['--help']);
  if (name === 'trace') return (await import('./trace.js')).traceCommand(['--help']);
  if (name === 'diff') return (await import('./diff.js')).diffCommand(['--help']);
  if (name === 'check') return (await import('./check.js')).checkCommand(['--help']);
  if (name === 'plink') return (await import('./plink.js')).plinkCommand(['--help']);
  if (name === 'busy') return (await import('./busy.js')).busyCommand(['--help']);
  if (name === 'layer') return (await import('./layer.js')).layerCommand(['--help']);
  if (name === 'image') return (await import('./image.js')).imageCommand([]);
  if (name === 'docker') return (await import('./docker.js')).dockerCommand([]);
  if (name === 'list') return (await import('./list.js')).listCommand(['--help']);
  process.stdout.write(text);
  return 0;
}

export function printVersion(): number {
  const file = new URL('../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  process.stdout.write(`tsaufs ${version}\n`);
  return 0;
}
