import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { serveUi } from '../ui/server.js';
import { parserFor } from './parser.js';
import { UsageError } from './status.js';

const examples = `
The page is for this machine's browser only: the address that is printed works once, and nothing of the page comes from
elsewhere. It changes nothing; the tour has a union of its own, in a temporary folder, which is removed at its end.
Ends with ^C, and when the union is unmounted.

Examples:
  tsaufs ui ./container
  tsaufs ui --open --tour
      only the tour, which needs no mounted union
  ssh -L 8080:127.0.0.1:8080 there tsaufs ui --port 8080 /mnt
      a union on another machine, in the browser of this one
`;

export function uiParser() {
  return parserFor('ui')
    .argument('[mountpoint]', 'where it is mounted')
    .option('--tour', 'only the tour, without a mounted union')
    .option('--port <port>', 'the port on 127.0.0.1; without it one that is free')
    .option('--open', 'open the page with xdg-open(1)')
    .option('-v, --verbose', 'say what is done')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs ui`. */
export function uiCommand(args: string[]): Promise<number> {
  const command = uiParser().parse(args, { from: 'user' });
  const flags = command.opts<{ tour?: true; port?: string; open?: true; verbose?: true }>();
  const [mountpoint] = command.args as [string?];
  if (mountpoint === '') throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  if (mountpoint === undefined && !flags.tour) throw new UsageError('name a mount point, or see the tour with tsaufs ui --tour');
  if (mountpoint !== undefined && flags.tour) throw new UsageError('--tour is without a mount point; the page of a union has the tour as well');
  return showPage(mountpoint ?? null, { port: portOf(flags.port), open: flags.open ?? false, verbose: flags.verbose ?? false });
}

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/** Serves the page until it ends. Returns the exit status. */
export async function showPage(mountpoint: string | null, { port = 0, open = false, verbose = false } = {}): Promise<number> {
  const signalled = firstSignal();
  const server = await serveUi({ mountpoint, port, program });
  process.stdout.write(`${server.address}\n`);
  if (verbose) process.stderr.write(`tsaufs: the page of ${mountpoint ?? 'the tour'}; the address works once; ^C ends it\n`);
  if (open) openBrowser(server.address);
  const failure = await Promise.race([server.ended, signalled]);
  await server.close();
  if (failure === undefined) return 0;
  process.stderr.write(`tsaufs: ${failure}\n`);
  return 1;
}

/** A second one ends the process at once: what a tour has is cleared away without it. */
function firstSignal(): Promise<undefined> {
  let isEnding = false;
  return new Promise((resolve) => {
    const end = (): void => {
      if (isEnding) process.exit(1);
      isEnding = true;
      resolve(undefined);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  });
}

function portOf(written: string | undefined): number {
  if (written === undefined) return 0;
  if (!/^\d{1,5}$/.test(written) || Number(written) > 65535) throw new UsageError(`--port takes a number from 0 to 65535, not "${written}"`);
  return Number(written);
}

function openBrowser(address: string): void {
  const browser = spawn('xdg-open', [address], { detached: true, stdio: 'ignore' });
  browser.on('error', () => process.stderr.write('tsaufs: xdg-open is not there: open the address yourself\n'));
  browser.unref();
}
