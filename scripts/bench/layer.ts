/**
 * `npm run bench:layer [ROUNDS] [DIRECTORY]`: how long tsaufs takes to import a layer of 200 MB, beside `tar x` of the same
 * file in the same round. The layer has many small files and some large ones; DIRECTORY (default: the temporary directory)
 * decides which file system is written to.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build.js';
import { onInterrupt } from './interrupt.js';
import { median } from './statistics.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const rounds = Number(process.argv[2] ?? 7);
const place = process.argv[3] ?? tmpdir();
/** Issue 7: at most so many times as long as tar. */
const goal = 1.3;

const SMALL = { count: 15_000, directories: 300, bytes: 4_000 };
const LARGE = { count: 7, bytes: 20_000_000 };

interface Contender {
  name: string;
  command: (layer: string, target: string) => string[];
  /** Makes the directory itself. */
  makesTarget: boolean;
}

const contenders: readonly Contender[] = [
  { name: 'tar x', command: (layer, target) => ['tar', '-xf', layer, '-C', target], makesTarget: false },
  { name: 'tsaufs layer apply', command: (layer, target) => [process.execPath, program, 'layer', 'apply', layer, target], makesTarget: true },
];

await buildIfStale();
const check = onInterrupt();
const directory = mkdtempSync(path.join(place, 'tsaufs-bench-layer-'));
try {
  for (const suffix of ['', '.gz']) {
    const layer = path.join(directory, `layer.tar${suffix}`);
    if (suffix === '') makeLayer(layer);
    else run(['gzip', '-1', '-k', path.join(directory, 'layer.tar')]);
    show(suffix === '' ? '200 MB, plain' : '200 MB, gzip', measure(layer));
  }
} finally {
  rmSync(directory, { recursive: true });
}

/** Content that compresses somewhat, the same in each run. */
function makeLayer(layer: string): void {
  const tree = path.join(directory, 'tree');
  const content = Buffer.alloc(LARGE.bytes);
  for (let i = 0, state = 1; i < content.length; i++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    content[i] = state >> 16 & 0x3f;
  }
  for (let i = 0; i < SMALL.directories; i++) mkdirSync(path.join(tree, `usr/share/directory-${i}`), { recursive: true });
  const write = (name: string, from: number, length: number): void => {
    const fd = openSync(path.join(tree, name), 'w');
    writeSync(fd, content, from, length);
    closeSync(fd);
  };
  for (let i = 0; i < SMALL.count; i++) write(`usr/share/directory-${i % SMALL.directories}/file-${i}`, i, SMALL.bytes);
  for (let i = 0; i < LARGE.count; i++) write(`usr/large-${i}`, 0, LARGE.bytes);
  run(['tar', '-cf', layer, '-C', tree, '.']);
  rmSync(tree, { recursive: true });
}

/** Seconds by contender. Each round has all of them, in turns of who is first. */
function measure(layer: string): Map<string, number[]> {
  const times = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      check();
      const { name, command, makesTarget } = contenders[(round + i) % contenders.length];
      const target = path.join(directory, 'target');
      if (!makesTarget) mkdirSync(target);
      // What the one before has written must not be written back meanwhile.
      run(['sync', '-f', directory]);
      const start = performance.now();
      run(command(layer, target));
      times.get(name)!.push((performance.now() - start) / 1000);
      rmSync(target, { recursive: true });
    }
  }
  return times;
}

function run([command, ...args]: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.trim()}`);
}

function show(title: string, times: Map<string, number[]>): void {
  const base = median(times.get(contenders[0].name)!);
  console.log(title);
  for (const [name, each] of times) {
    const time = median(each);
    console.log(`  ${name.padEnd(20)} ${time.toFixed(3)} s  ×${(time / base).toFixed(2)}  least ${Math.min(...each).toFixed(3)} s`);
  }
  const ratio = median(times.get(contenders[1].name)!) / base;
  console.log(`  ${ratio <= goal ? 'within' : 'NOT within'} ${goal} of tar x`);
}
