import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tsaufs } from './program.js';

let home: tmp.DirectoryResult;
beforeAll(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  for (const name of ['a', 'b', 'm']) mkdirSync(path.join(home.path, name));
  writeFileSync(path.join(home.path, 'file'), '');
});
afterAll(() => home.cleanup());

describe('one line and a status, nothing mounted and nothing changed', () => {
  test.each<[string, number, string]>([
    ['bogus', 2, 'there is no command "bogus"'],
    ['--bogus', 2, "unknown option '--bogus'"],
    ['mount', 2, 'no mount point given'],
    ['mount m', 2, 'no branches given'],
    ['mount none m extra -o br=a', 2, 'too many arguments'],
    ['mount -o', 2, 'argument missing'],
    ['mount --bogus m', 2, "unknown option '--bogus'"],
    ['mount -o br=a,foo m', 2, 'unknown mount option "foo"'],
    ['mount -o br=a,create=zz m', 2, 'unknown create policy "zz"'],
    ['mount -o br=a --adapter libfuse m', 2, 'unknown adapter "libfuse"'],
    ['mount -o br=a:b nothere', 1, 'does not exist; make it with mkdir'],
    ['mount -o br=a:b file', 1, 'is not a directory'],
    ['mount -o br=a:b file/m', 1, 'is not below a directory; name one'],
    ['mount -o br=.:b m', 1, 'is inside the branch'],
    ['mount -f -o br=a:b nothere', 1, 'does not exist; make it with mkdir'],
    ['-o br=a:b nothere', 1, 'does not exist'],
    ['none nothere -o br=a:b', 1, 'does not exist'],
    ['none nothere -n -s -v -o rw,br=a:b', 1, 'does not exist'],
    ['none /nothere', 2, 'no branches given'],
    ['umount', 2, "missing required argument 'mountpoints'"],
    ['umount m', 1, 'is not mounted'],
    ['umount /proc', 1, 'is mounted, but not by tsaufs'],
    ['umount nothere', 1, 'is not mounted'],
    ['list extra', 2, 'too many arguments'],
    ['list --bogus', 2, "unknown option '--bogus'"],
  ])('tsaufs %s', async (line, status, message) => {
    const outcome = await tsaufs(line.split(' '), { cwd: home.path });
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toMatch(/^tsaufs: [^\n]+\n$/);
    expect(outcome.stderr).toContain(message);
    expect(outcome.status).toBe(status);
    expect(readdirSync(path.join(home.path, 'a'))).toEqual([]);
  });
});

describe('help', () => {
  test.each([
    [[], 'tsaufs mount [-f|--ui] [-v] -o OPTIONS [SOURCE] MOUNTPOINT'],
    [['--help'], 'Examples:'],
    [['-h'], 'Examples:'],
    [['help'], 'Examples:'],
    [['mount', '--help'], 'tsaufs mount -o br=./image1:./image2 ./container'],
    [['help', 'mount'], 'tsaufs mount -o br=./image1:./image2 ./container'],
    [['remount', '--help'], 'tsaufs remount -o append:./image3 ./container'],
    [['help', 'remount'], 'tsaufs remount -o append:./image3 ./container'],
    [['umount', '-h'], 'tsaufs umount ./container'],
    [['list', '--help'], 'tsaufs list'],
    [['--version'], 'tsaufs 0.'],
  ])('tsaufs %j', async (args, text) => {
    const outcome = await tsaufs(args);
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect(outcome.stdout).toContain(text);
  });
});
