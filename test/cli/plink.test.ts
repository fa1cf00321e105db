import { linkSync, mkdirSync, readdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
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
  for (const name of ['a', 'b', 'b/d', 'm']) mkdirSync(path.join(root, name));
  writeFileSync(path.join(root, 'b/one'), 'old');
  linkSync(path.join(root, 'b/one'), path.join(root, 'b/d/two'));
});

afterEach(async () => {
  while (mountAt(path.join(root, 'm'))) await run('umount', ['-l', path.join(root, 'm')]);
  await home.cleanup();
});

const here = (...args: string[]): Promise<Outcome> => tsaufs(args, { cwd: root });
const done = (stdout: string): Outcome => ({ status: 0, stdout, stderr: '' });

describe.skipIf(obstacle !== undefined)(`tsaufs plink${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  test('list, cpup and flush', async () => {
    const a = path.join(root, 'a');
    expect(await here('mount', '-o', 'br=a:b', 'm')).toEqual(done(''));
    expect(await here('plink', 'list', 'm')).toEqual(done('no pseudo-links\n'));
    writeFileSync(path.join(root, 'm/one'), 'new');
    const { ino } = statSync(path.join(root, 'm/one'));
    const listed = `inode ${ino}, copied to ${a}\n    /d/two  (not a link there yet)\n    /one\n`;
    expect(await here('plink', 'list', 'm')).toEqual(done(listed));
    expect(JSON.parse((await here('plink', 'list', '--json', 'm')).stdout)).toEqual([{
      ino, branch: a, link: readdirSync(path.join(a, '.wh..wh.plnk'))[0], names: [{ path: '/d/two', real: false }, { path: '/one', real: true }],
    }]);

    expect(await here('plink', 'cpup', '-n', 'm')).toEqual(done(`/d/two would be linked on ${a}\n`));
    expect(await here('plink', 'flush', '-n', 'm')).toEqual(done(`/d/two would be linked on ${a}\n1 pseudo-link would be flushed\n`));
    expect(await here('plink', 'list', 'm')).toEqual(done(listed));
    expect(await here('plink', 'cpup', 'm')).toEqual(done(`/d/two linked on ${a}\n`));
    expect(await here('plink', 'cpup', 'm')).toEqual(done('nothing to do: every name is a link already\n'));
    expect(statSync(path.join(a, 'd/two')).ino).toBe(statSync(path.join(a, 'one')).ino);
    expect(readdirSync(path.join(a, '.wh..wh.plnk'))).toHaveLength(1);

    symlinkSync(program, path.join(root, 'auplink'));
    const auplink = (...args: string[]): Promise<Outcome> => run(process.execPath, [path.join(root, 'auplink'), ...args], { cwd: root });
    expect(await auplink('m', 'list')).toEqual(done(`inode ${ino}, copied to ${a}\n    /d/two\n    /one\n`));
    expect(await auplink('m', 'flush')).toEqual(done('1 pseudo-link flushed\n'));
    expect(await here('plink', 'list', '--json', 'm')).toEqual(done('[]\n'));
    expect(readdirSync(path.join(a, '.wh..wh.plnk'))).toEqual([]);
    expect(await auplink('m')).toEqual({ status: 2, stdout: '', stderr: "tsaufs: missing required argument 'mountpoint'; see tsaufs plink --help\n" });
  });

  test.each([
    [['plink', 'purge', 'm'], 2, 'tsaufs: "purge" is not something to do with pseudo-links; it is list, cpup or flush\n'],
    [['plink', 'list'], 2, "tsaufs: missing required argument 'mountpoint'; see tsaufs plink --help\n"],
    [['plink', 'list', 'm'], 1, 'tsaufs: ROOT/m is not mounted; see tsaufs list\n'],
    [['plink', 'list', '/proc'], 1, 'tsaufs: /proc is mounted, but not by tsaufs; see tsaufs list for what is\n'],
  ])('%j', async (args, status, stderr) => {
    expect(await here(...args)).toEqual({ status, stdout: '', stderr: stderr.replace('ROOT', root) });
  });
});
