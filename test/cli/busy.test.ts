import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountAt } from '../../src/daemon/mount-table.js';
import { program, run, tsaufs, until, whyNoMount, type Outcome } from './program.js';

const obstacle = whyNoMount();

let home: tmp.DirectoryResult;
let root: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  for (const name of ['a', 'a/both', 'b', 'b/both', 'b/sub', 'm']) mkdirSync(path.join(root, name));
  for (const name of ['a/upper', 'b/lower', 'b/sub/mapped']) writeFileSync(path.join(root, name), 'text');
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  while (mountAt(path.join(root, 'm'))) await run('umount', ['-l', path.join(root, 'm')]);
  await home.cleanup();
});

const here = (...args: string[]): Promise<Outcome> => tsaufs(args, { cwd: root });
const done = (stdout: string): Outcome => ({ status: 0, stdout, stderr: '' });

/** A process that is somewhere and has things open: it says so before it waits. */
async function hold(cwd: string, script: string): Promise<number> {
  const child = spawn('python3', ['-c', `import mmap, os, time\n${script}\nprint(1, flush=True)\ntime.sleep(600)`], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child.pid!;
}

interface Told {
  pid: number;
  command: string;
  uses: { what: string; held: boolean; path: string }[];
}

async function told(branch: string): Promise<unknown[]> {
  const { stdout } = await here('busy', '--json', 'm', branch);
  return (JSON.parse(stdout) as Told[]).map(({ pid, uses }) => [pid, ...uses.map(({ what, held, path: name }) => `${what} ${held} ${path.relative(root, name)}`)]);
}

describe.skipIf(obstacle !== undefined)(`tsaufs busy${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  test('who has files of a branch open, mapped, or is inside', async () => {
    expect(await here('mount', '-o', 'br=a:b', 'm')).toEqual(done(''));
    expect(await here('busy', 'm', 'b')).toEqual(done(`nobody uses ${root}/b\n`));
    const opener = await hold('/', `f = os.open('${root}/m/lower', os.O_RDONLY); os.dup2(f, 50); os.close(f)`);
    const mapper = await hold('/', `f = os.open('${root}/m/sub/mapped', os.O_RDONLY); m = mmap.mmap(f, 4, mmap.MAP_SHARED, mmap.PROT_READ); os.close(f); os.closerange(3, 9)`);
    const inside = await hold(path.join(root, 'm/sub'), '');
    const anywhere = await hold(path.join(root, 'm/both'), '');
    const above = await hold(path.join(root, 'm'), `f = os.open('upper', os.O_RDONLY); os.dup2(f, 50); os.close(f)`);

    expect(await told('b')).toEqual([
      [opener, 'fd 50 true m/lower'], [mapper, 'mmap true m/sub/mapped'], [inside, 'cwd true m/sub'], [anywhere, 'cwd false m/both'],
    ].sort((x, y) => Number(x[0]) - Number(y[0])));
    expect(await told('a')).toEqual([[anywhere, 'cwd false m/both'], [above, 'fd 50 true m/upper']].sort((x, y) => Number(x[0]) - Number(y[0])));
    const table = (await here('busy', 'm', 'a')).stdout;
    expect(table).toMatch(new RegExp(`^(.*\n)?${above}  \\S.*  fd 50  held  ${root}/m/upper\n`));

    const holders = [opener, mapper, inside].sort((x, y) => x - y).map((pid) => `${pid}\n`).join('');
    expect(await here('busy', '-p', 'm', 'b')).toEqual(done(holders));
    symlinkSync(program, path.join(root, 'aubusy'));
    expect(await run(process.execPath, [path.join(root, 'aubusy'), 'm', 'b'], { cwd: root })).toEqual(done(holders));
    expect((await run(process.execPath, [path.join(root, 'aubusy'), '-v', 'm', 'a'], { cwd: root })).stdout).toBe(table);

    // The union says the same.
    expect((await here('remount', '-o', 'del=b', 'm')).stderr).toMatch(/busy/);
    for (const pid of [opener, mapper, inside]) {
      const child = children.find((each) => each.pid === pid)!;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    // The kernel tells of the last close a little later.
    await until(async () => (await here('busy', '-p', 'm', 'b')).stdout === '');
    expect(await here('remount', '-o', 'del=b', 'm')).toEqual(done(''));
    expect(readFileSync(path.join(root, 'm/upper'), 'utf8')).toBe('text');
  });

  test('an open directory holds its branches, the root of the union too', async () => {
    expect(await here('mount', '-o', 'br=a:b', 'm')).toEqual(done(''));
    const pid = await hold('/', `d = os.open('${root}/m', os.O_RDONLY); os.dup2(d, 50); os.close(d)`);
    expect([await told('a'), await told('b')]).toEqual([[[pid, 'fd 50 true m']], [[pid, 'fd 50 true m']]]);
  });

  test.each([
    [['busy', 'm'], 2, "tsaufs: missing required argument 'branch'; see tsaufs busy --help\n"],
    [['busy', 'm', 'a'], 1, 'tsaufs: ROOT/m is not mounted; see tsaufs list\n'],
  ])('%j', async (args, status, stderr) => {
    expect(await here(...args)).toEqual({ status, stdout: '', stderr: stderr.replace('ROOT', root) });
  });

  test('what is no branch is refused', async () => {
    expect(await here('mount', '-o', 'br=a:b', 'm')).toEqual(done(''));
    expect(await here('busy', 'm', 'b/sub')).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: ${root}/b/sub is no branch of the union on ${root}/m; it has ${root}/a, ${root}/b\n`,
    });
  });
});
