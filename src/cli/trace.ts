import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { followTrace } from '../daemon/follow-trace.js';
import { TraceFilter, traceKinds, type TraceWish } from '../inspect/trace-filter.js';
import { traceJson, traceLine } from '../inspect/trace-line.js';
import { poll, POLL } from '../posix/event.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';

const examples = `
Kinds: ${traceKinds.join(', ')}.
A path is one in the union: with all below it, or with * (within a name), ** (over directories), ? and [a-z]; a pattern
without a slash is for names in any directory. Lookups are those the kernel asks for: what it knows it does not ask again.
Ends with ^C, with the mount, and when nobody reads its output any more.

Examples:
  tsaufs trace ./container
  tsaufs trace -k copy-up,whiteout -p /etc ./container
  tsaufs trace -x lookup -p '*.conf' --json ./container | jq .
`;

export function traceParser() {
  return parserFor('trace')
    .argument('<mountpoint>', 'where it is mounted')
    .option('-k, --kind <kinds>', 'these kinds of events only, separated by commas', collect, [])
    .option('-x, --except <kinds>', 'all but these kinds', collect, [])
    .option('-p, --path <path>', 'only what happens there; may be given several times', collect, [])
    .option('--json', 'an object of JSON a line')
    .option('-v, --verbose', 'say when it begins')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs trace`. */
export async function traceCommand(args: string[]): Promise<number> {
  const command = traceParser().parse(args, { from: 'user' });
  const flags = command.opts<{ kind: string[]; except: string[]; path: string[]; json?: true; verbose?: true }>();
  const [mountpoint] = command.args;
  if (mountpoint === '') throw new UsageError('the mount point is empty; name the directory where the union is, or is to be, mounted');
  const wish = checked(flags);
  const ending = endings();
  const begun = (resolved: string): void => {
    if (flags.verbose) process.stderr.write(`tsaufs: tracing ${resolved}; ^C ends it\n`);
  };
  const format = flags.json ? traceJson : traceLine;
  try {
    for await (const event of followTrace(mountpoint, wish, ending.signal, begun)) await print(format(event), ending.signal);
  } finally {
    ending.stop();
  }
  return 0;
}

function checked(flags: { kind: string[]; except: string[]; path: string[] }): TraceWish {
  const kinds = flags.kind.flatMap((list) => list.split(','));
  const wish: TraceWish = {
    ...(kinds.length === 0 ? {} : { kinds }),
    except: flags.except.flatMap((list) => list.split(',')),
    paths: flags.path,
  };
  try {
    new TraceFilter(wish);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return wish;
}

/** No faster than it is read. */
async function print(line: string, signal: AbortSignal): Promise<void> {
  if (process.stdout.write(line) || signal.aborted) return;
  await once(process.stdout, 'drain', { signal }).catch(() => undefined);
}

/** How often it is looked whether anybody still reads, in milliseconds: with nothing to write nothing fails. */
const LOOK_EVERY = 300;

/** Aborted by ^C, and when the reader of the output has gone. Other signals find nothing that would have to be cleaned up. */
function endings(): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const end = (): void => controller.abort();
  process.once('SIGINT', end);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.stderr.write(`tsaufs: cannot write: ${error.message}\n`);
    end();
  });
  const timer = readerMayGo() ? setInterval(() => void (readerIsGone() && end()), LOOK_EVERY) : undefined;
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}

function readerMayGo(): boolean {
  const stat = fstatSync(process.stdout.fd);
  return stat.isFIFO() || stat.isSocket();
}

function readerIsGone(): boolean {
  const output = { fd: process.stdout.fd, events: 0, revents: 0 };
  return poll([output], 0) > 0 && (output.revents & (POLL.ERR | POLL.HUP)) !== 0;
}
