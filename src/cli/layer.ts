import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { applyLayer, type ApplyOptions } from '../layers/apply.js';
import { LayerError } from '../layers/error.js';
import { LayerFile } from '../layers/layer-file.js';
import type { PackedLayer } from '../layers/pack.js';
import { parserFor } from './parser.js';
import { ProgressLine } from './progress.js';
import { UsageError } from './status.js';

const applyExamples = `
Prints the layer's diff id, the digest of its uncompressed archive, and the digest of LAYER itself.
What is refused leaves nothing behind. An ordinary user gets all files as his own, and may not make devices.

Examples:
  tsaufs layer apply layer.tar.gz ./image1
  tsaufs layer apply --digest sha256:9e3e… blobs/sha256/9e3e… ./image1
  curl … | tsaufs layer apply - ./image1
`;

interface ApplyFlags {
  into?: true;
  skipUnsupported?: true;
  digest?: string;
  diffId?: string;
  maxBytes?: number;
  maxEntries?: number;
  json?: true;
}

export function layerApplyParser() {
  return parserFor('layer apply')
    .argument('<layer>', 'the archive; - for standard input')
    .argument('<directory>', 'must not exist, but with --into')
    .option('--into', 'add to a directory that exists')
    .option('--skip-unsupported', 'leave out devices and extended attributes that cannot be made here')
    .option('--digest <digest>', 'refuse LAYER unless it has this digest: sha256:…')
    .option('--diff-id <digest>', 'refuse it unless the uncompressed archive has this digest')
    .option('--max-bytes <bytes>', 'refuse it if it has more bytes uncompressed (128 GiB)', countOf)
    .option('--max-entries <entries>', 'refuse it if it has more entries (5,000,000)', countOf)
    .option('--json', 'tell the result as JSON')
    .allowExcessArguments(false)
    .addHelpText('after', applyExamples);
}

/** `tsaufs layer apply`. */
export async function layerApplyCommand(args: string[]): Promise<number> {
  const command = layerApplyParser().parse(args, { from: 'user' });
  const [layer, directory] = command.args;
  const flags = command.opts<ApplyFlags>();
  if (directory === '') throw new UsageError('the name of the directory is empty; name one that is to be made');
  const { input, size } = openLayer(layer);
  const progress = new ProgressLine('applying', size);
  const options: ApplyOptions = {
    into: flags.into ?? false,
    unsupported: flags.skipUnsupported ? 'skip' : 'refuse',
    limits: {
      ...(flags.maxBytes === undefined ? {} : { bytes: flags.maxBytes }),
      ...(flags.maxEntries === undefined ? {} : { entries: flags.maxEntries }),
    },
    ...(flags.digest === undefined ? {} : { digest: digestOf(flags.digest) }),
    ...(flags.diffId === undefined ? {} : { diffId: digestOf(flags.diffId) }),
    onWarning: warner(progress),
    ...(progress.onProgress === undefined ? {} : { onProgress: progress.onProgress }),
  };
  const applied = await untilSignal(input, () => applyLayer(input, directory, options), progress);
  process.stdout.write(flags.json ? `${JSON.stringify(applied, null, 2)}\n` : digests(applied));
  return 0;
}

function openLayer(layer: string): { input: Readable; size?: number } {
  if (layer === '-') return { input: process.stdin };
  const found = statSync(layer, { throwIfNoEntry: false });
  if (found === undefined) throw new LayerError(`${layer}: no such file; name a layer\'s archive, or - for standard input`);
  if (found.isDirectory()) throw new LayerError(`${layer} is a directory; name a layer's archive`);
  return { input: new LayerFile(layer), ...(found.isFile() ? { size: found.size } : {}) };
}

const packExamples = `
The same files give the same bytes, wherever and whenever. Whiteouts are in it as OCI images have them; AUFS's own records
are not. Of a mount point, the topmost writable branch is packed.

Examples:
  tsaufs layer pack -o layer.tar ./image1
  tsaufs layer pack --gzip ./image1 > layer.tar.gz
`;

export function layerPackParser() {
  return parserFor('layer pack')
    .argument('<path>', 'the directory of a branch, or a mount point')
    .option('-o, --output <file>', 'where to; it appears when it is complete. Default: standard output')
    .option('-z, --gzip', 'compress it')
    .option('--json', 'with -o: tell the result as JSON')
    .allowExcessArguments(false)
    .addHelpText('after', packExamples);
}

/** `tsaufs layer pack`. */
export async function layerPackCommand(args: string[]): Promise<number> {
  const command = layerPackParser().parse(args, { from: 'user' });
  const flags = command.opts<{ output?: string; gzip?: true; json?: true }>();
  if (flags.output === undefined && process.stdout.isTTY) throw new UsageError('the archive is not for a terminal; give -o FILE, or send it elsewhere');
  const [{ branchAt }, { packLayer }] = await Promise.all([import('./top-branch.js'), import('../layers/pack.js')]);
  const { directory } = branchAt(command.args[0]);
  const progress = new ProgressLine('packing');
  const layer = packLayer(directory, {
    compression: flags.gzip ? 'gzip' : 'none',
    onWarning: warner(progress),
    ...(progress.onProgress === undefined ? {} : { onProgress: progress.onProgress }),
  });
  const { output } = flags;
  await untilSignal(layer, () => output === undefined ? pipeline(layer, process.stdout) : writeWhole(layer, output), progress);
  if (output === undefined) return 0;
  const summary = await layer.summary;
  process.stdout.write(flags.json ? `${JSON.stringify(summary, null, 2)}\n` : digests(summary));
  return 0;
}

/** What was there stays until the new file is complete. */
async function writeWhole(layer: PackedLayer, file: string): Promise<void> {
  const there = statSync(file, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) {
    await pipeline(layer, createWriteStream(file));
    return;
  }
  const partial = `${file}.part-${process.pid}`;
  try {
    await pipeline(layer, createWriteStream(partial, { flags: 'wx' }));
    renameSync(partial, file);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}

function digests({ diffId, digest }: { diffId: string; digest: string }): string {
  return `diff id  ${diffId}\n${digest === diffId ? '' : `digest   ${digest}\n`}`;
}

function warner(progress: ProgressLine): (message: string) => void {
  return (message) => {
    progress.clear();
    process.stderr.write(`tsaufs: warning: ${message}\n`);
  };
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal ends the stream, and so the work, which takes back what is half done. */
async function untilSignal<Result>(stream: Readable, work: () => Promise<Result>, progress: ProgressLine): Promise<Result> {
  const end = (signal: NodeJS.Signals): void => void stream.destroy(new LayerError(`ended by ${signal}`));
  for (const signal of signals) process.once(signal, end);
  try {
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, end);
    progress.clear();
  }
}

function countOf(written: string): number {
  const count = /^\d{1,15}$/.test(written) ? Number(written) : 0;
  if (count === 0) throw new UsageError(`"${written}" is no limit; give a whole number above 0`);
  return count;
}

function digestOf(written: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(written)) throw new UsageError(`"${written}" is no digest; give sha256: and 64 hex digits`);
  return written;
}
