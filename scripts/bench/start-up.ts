/** `npm run bench:start-up [RUNS]`: how long the commands take, beside a Node that does nothing. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from './build.js';
import { median } from './statistics.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const runs = Number(process.argv[2] ?? 20);
const nothing = 'node -e 0';

await buildIfStale();
const directory = mkdtempSync(path.join(tmpdir(), 'tsaufs-start-up-'));
const branches = ['image1', 'image2', 'image3'].map((name) => path.join(directory, name));
const mountpoint = path.join(directory, 'container');
for (const each of [...branches, mountpoint]) mkdirSync(each);
try {
  show(measure());
} finally {
  spawnSync(process.execPath, [program, 'umount', '-l', mountpoint], { stdio: 'ignore' });
  rmSync(directory, { recursive: true });
}

/** Milliseconds by command; each run goes through all of them. */
function measure(): Map<string, number[]> {
  const commands: [string, string[]][] = [
    [nothing, ['-e', '0']],
    ['mount', [program, 'mount', '-o', `br=${branches[0]}:${branches[1]}`, mountpoint]],
    ['list', [program, 'list']],
    ['remount', [program, 'remount', '-o', `append:${branches[2]}`, mountpoint]],
    ['umount', [program, 'umount', mountpoint]],
  ];
  const times = new Map(commands.map(([name]) => [name, [] as number[]]));
  for (let run = 0; run < runs; run++) {
    for (const [name, args] of commands) times.get(name)!.push(timeOf(args));
  }
  return times;
}

function timeOf(args: string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim());
  return performance.now() - start;
}

function show(times: Map<string, number[]>): void {
  const base = median(times.get(nothing)!);
  for (const [name, each] of times) {
    const time = median(each);
    console.log(`${name.padEnd(10)} ${time.toFixed(0).padStart(5)} ms  ×${(time / base).toFixed(2)}  least ${Math.min(...each).toFixed(0)} ms`);
  }
}
