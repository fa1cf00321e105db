import { mkdirSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountAt } from '../../src/daemon/mount-table.js';
import { program, run, tsaufs, whyNoMount, type Outcome } from './program.js';

const obstacle = whyNoMount();

let home: tmp.DirectoryResult;
let root: string;

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  for (const name of ['a', 'b', 'm']) mkdirSync(path.join(root, name));
  for (const name of ['a/f', 'a/.wh.f', 'a/.wh.g', 'a/h', 'b/f']) writeFileSync(path.join(root, name), '');
});

afterEach(async () => {
  while (mountAt(path.join(root, 'm'))) await run('umount', ['-l', path.join(root, 'm')]);
  await home.cleanup();
});

const here = (...args: string[]): Promise<Outcome> => tsaufs(args, { cwd: root });
const names = (directory: string): string[] => readdirSync(path.join(root, directory)).sort();

const besideLine = '  beside  .wh.f  stands beside f, which it hides: only one of the two can be meant';
const strayLine = '  stray   .wh.g  hides nothing: no branch below has the name';

describe('tsaufs check', () => {
  test('tells, and changes nothing', async () => {
    expect(await here('check', 'a', 'b')).toEqual({
      status: 0, stderr: '', stdout: `a: 1 problem; 4 names looked at\n${besideLine}\nb: nothing wrong; 1 name looked at\n`,
    });
    expect(names('a')).toEqual(['.wh.f', '.wh.g', 'f', 'h']);
  });

  test('--below, -q and --exit-code', async () => {
    expect(await here('check', '-q', '-e', '--below', 'b', 'a', 'b')).toEqual({
      status: 3, stderr: '', stdout: `a: 2 problems; 4 names looked at\n${besideLine}\n${strayLine}\n`,
    });
  });

  test('--repair -w, as told before by --dry-run', async () => {
    const args = ['check', '-e', '--repair', '-w', '-b', 'b', 'a'];
    const expected = (how: string): string => `a: 2 problems; 4 names looked at\n${besideLine} [${how}]\n${strayLine} [${how}]\n`;
    expect(await here(...args, '-n')).toEqual({ status: 3, stderr: '', stdout: expected('would be removed') });
    expect(names('a')).toEqual(['.wh.f', '.wh.g', 'f', 'h']);
    expect(await here(...args)).toEqual({ status: 0, stderr: '', stdout: expected('removed') });
    expect(names('a')).toEqual(['f', 'h']);
  });

  test('--json, and -r', async () => {
    const { stdout, status } = await here('check', '--json', '-r', 'a');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual([{
      branch: 'a', inUse: false, names: 4,
      problems: [{
        kind: 'beside', path: '.wh.f', repair: 'choose', done: { action: 'remove', path: 'f' },
        text: 'stands beside f, which it hides: only one of the two can be meant',
      }],
    }]);
    expect(names('a')).toEqual(['.wh.f', '.wh.g', 'h']);
  });

  test('called auchk', async () => {
    symlinkSync(program, path.join(root, 'auchk'));
    const { status, stdout } = await run(process.execPath, [path.join(root, 'auchk'), '-w', 'a'], { cwd: root });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `a: 1 problem; 4 names looked at\n${besideLine} [removed]\n` });
    expect(names('a')).toEqual(['.wh.g', 'f', 'h']);
  });

  test.each([
    [['check'], 2, "tsaufs: missing required argument 'branches'; see tsaufs check --help\n"],
    [['check', '-w', '-r', 'a'], 2, 'tsaufs: only one of -w, -r and -s can be given; leave the others out\n'],
    [['check', ''], 2, 'tsaufs: the name of a directory is empty; name one, or leave it out\n'],
    [['check', 'a/f'], 1, 'tsaufs: a/f is not a directory; name the directory of a branch\n'],
    [['check', '-b', 'none', 'a'], 1, 'tsaufs: none is not a directory; name the directory of a branch\n'],
  ])('%j', async (args, status, stderr) => {
    expect(await here(...args)).toEqual({ status, stdout: '', stderr });
  });

  test('the others are checked where one cannot be', async () => {
    expect(await here('check', 'none', 'b')).toEqual({
      status: 1, stdout: 'b: nothing wrong; 1 name looked at\n', stderr: 'tsaufs: none is not a directory; name the directory of a branch\n',
    });
  });

  test.skipIf(obstacle !== undefined)(`a branch of a mounted union is read only, its mount point refused${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, async () => {
    expect(await here('mount', '-o', 'br=a:b', 'm')).toMatchObject({ status: 0 });
    writeFileSync(path.join(root, 'a/.wh..wh.orph/working'), '');
    const union = path.join(root, 'm');
    expect(await here('check', 'a')).toEqual({
      status: 0, stdout: `a: 1 problem; 7 names looked at\n${besideLine}\n`,
      stderr: `tsaufs: a belongs to the union on ${union}: what it works with (orphans, temporaries, pseudo-links) is not looked at\n`,
    });
    expect(await here('check', '--repair', 'a')).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: a belongs to the union on ${union}; unmount it before a repair: tsaufs umount ${union}\n`,
    });
    expect(await here('check', 'm')).toEqual({
      status: 1, stdout: '', stderr: 'tsaufs: m is the mount point of a union; name its branches, which tsaufs list shows\n',
    });
  });
});
