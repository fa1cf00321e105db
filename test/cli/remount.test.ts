import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MountNumbers } from '../../src/daemon/list.js';
import { mountAt } from '../../src/daemon/mount-table.js';
import { listed, run, tsaufs, until, whyNoMount, type Outcome } from './program.js';

const obstacle = whyNoMount();

let home: tmp.DirectoryResult;
let root: string;
let mountpoint: string;

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  mountpoint = path.join(root, 'm');
  for (const name of ['a', 'b', 'c', 'd', 'm', 'b/sub']) mkdirSync(path.join(root, name));
  for (const name of ['a', 'b', 'c', 'd']) writeFileSync(path.join(root, name, `in-${name}`), name);
});

afterEach(async () => {
  while (mountAt(mountpoint)) await run('umount', ['-l', mountpoint]);
  await home.cleanup();
});

const done: Outcome = { status: 0, stdout: '', stderr: '' };
const here = (line: string): Promise<Outcome> => tsaufs(line.split(' '), { cwd: root });
const flags = (): string[] => mountAt(mountpoint)!.flags;

async function openFiles(): Promise<number> {
  const mounts = JSON.parse((await tsaufs(['list', '-v', '--json'])).stdout) as { mountpoint: string; numbers: { openFiles: number } }[];
  return mounts.find((mount) => mount.mountpoint === mountpoint)!.numbers.openFiles;
}

async function branches(): Promise<string[]> {
  return (await listed(mountpoint))!.branches.map(({ id, text }) => `${id} ${text.slice(root.length + 1)}`);
}

describe.skipIf(obstacle !== undefined)(`tsaufs remount${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  beforeEach(async () => {
    expect(await here('mount -o br=a:b m')).toEqual(done);
  });

  test.each([
    ['remount -o append:c m', ['64 a=rw', '65 b=ro', '66 c=ro']],
    ['remount -o append=c=ro+wh -o prepend=d m', ['67 d=rw', '64 a=rw', '65 b=ro', '66 c=ro+wh']],
    ['remount m -o add:1:c,del:b', ['64 a=rw', '66 c=ro']],
    ['remount -o ins=2:c=rw m/', ['64 a=rw', '65 b=ro', '66 c=rw']],
    ['mount -o remount,mod:a=ro,mod=b=rr m', ['64 a=ro', '65 b=rr']],
    ['mount none m -o rw,remount,dev,suid,br:a:b,append:c', ['64 a=rw', '65 b=ro', '66 c=ro']],
    ['none m -o rw,append:c,remount,relatime,user_id=0,group_id=0,default_permissions,allow_other,max_read=1048576', ['64 a=rw', '65 b=ro', '66 c=ro']],
  ])('%s', async (line, expected) => {
    expect(await here(line)).toEqual(done);
    expect(await branches()).toEqual(expected);
    const { directory } = (await listed(mountpoint))!;
    for (const [index, text] of expected.entries()) {
      expect(readFileSync(path.join(directory, `br${index}`), 'utf8')).toBe(`${root}/${text.slice(3)}\n`);
      expect(readFileSync(path.join(directory, `brid${index}`), 'utf8')).toBe(`${text.slice(0, 2)}\n`);
    }
    expect(existsSync(path.join(directory, `br${expected.length}`))).toBe(false);
  });

  test('-v says that it is done', async () => {
    expect(await here('remount -v -o append:c m')).toEqual({ ...done, stdout: `tsaufs: ${mountpoint} remounted\n` });
    expect(await here('mount -v -o remount,append:d m')).toEqual({ ...done, stdout: `tsaufs: ${mountpoint} remounted\n` });
  });

  test('options are shown as they are in force', async () => {
    expect(await here('remount -o udba=none,create=mfs,noplink,dirperm1,xino=x m')).toEqual(done);
    const { options, directory } = (await listed(mountpoint))!;
    expect(options).toBe(`rw,xino=${root}/x,dirperm1,noplink,udba=none,create=mfs,br=${root}/a=rw:${root}/b=ro`);
    expect(readFileSync(path.join(directory, 'xi_path'), 'utf8')).toBe(`${root}/x\n`);
  });

  test('flags of the mount, and back', async () => {
    expect(await here('remount -o ro,nosuid,noexec,strictatime,sync m')).toEqual(done);
    expect(flags()).toEqual(expect.arrayContaining(['ro', 'nosuid', 'noexec', 'sync', 'allow_other', 'default_permissions']));
    expect(flags()).not.toContain('relatime');
    expect(() => writeFileSync(path.join(mountpoint, 'x'), '')).toThrow('EROFS');
    expect((await listed(mountpoint))!.options).toMatch(/^ro,nosuid,noexec,sync,strictatime,/);
    // On top of a union that is read-only the default permission is ro.
    expect(await here('remount -o prepend:c,suid,noatime m')).toEqual(done);
    expect(await branches()).toEqual(['66 c=ro', '64 a=rw', '65 b=ro']);
    expect(await here('mount -o remount,del:c,rw,exec,async m')).toEqual(done);
    expect(flags()).toEqual(expect.arrayContaining(['rw', 'noatime']));
    for (const flag of ['ro', 'nosuid', 'noexec', 'sync']) expect(flags()).not.toContain(flag);
    writeFileSync(path.join(mountpoint, 'x'), 'written');
    expect(readFileSync(path.join(root, 'a/x'), 'utf8')).toBe('written');
  });

  test('a file that is open for writing keeps the mount from becoming read-only, and it stays as it was', async () => {
    const writer = spawn('sh', ['-c', 'exec sleep 1000 > w'], { cwd: mountpoint, stdio: 'ignore' });
    try {
      await until(() => existsSync(path.join(root, 'a/w')));
      const outcome = await here('remount -o ro m');
      expect(outcome.status).toBe(1);
      expect(outcome.stderr).toMatch(/^tsaufs: \S+ cannot be made read-only: files are open for writing; see lsof \S+\n$/);
      expect((await listed(mountpoint))!.options).toMatch(/^rw,/);
      writeFileSync(path.join(mountpoint, 'x'), '');
    } finally {
      writer.kill('SIGKILL');
      await once(writer, 'exit');
    }
  });

  test('a branch in use: who uses it is named, by file or as a working directory', async () => {
    const user = spawn('sh', ['-c', 'exec sleep 1000 < ../in-b'], { cwd: path.join(mountpoint, 'sub'), stdio: 'ignore' });
    try {
      await until(async () => (await openFiles()) === 1);
      const outcome = await here('remount -o append:c,del:b m');
      expect(outcome.status).toBe(1);
      expect(outcome.stderr).toBe(
        `tsaufs: branch ${root}/b is busy: /sub (working directory of process ${user.pid}) in use; the options before this one are in force\n`);
      expect(await branches()).toEqual(['64 a=rw', '65 b=ro', '66 c=ro']);
      mkdirSync(path.join(root, 'c/sub'));
      expect((await here('remount -o del:b m')).stderr).toBe(`tsaufs: branch ${root}/b is busy: /in-b in use\n`);
    } finally {
      user.kill('SIGKILL');
      await once(user, 'exit');
    }
    expect(await here('remount -o del:b m')).toEqual(done);
  });

  test.each<[string, number, string]>([
    ['remount', 2, "missing required argument 'mountpoint'"],
    ['remount m', 2, 'nothing to change'],
    ['remount -o append:c m extra', 2, 'too many arguments'],
    ['remount --bogus m', 2, "unknown option '--bogus'"],
    ['remount -o', 2, 'argument missing'],
    ['remount -o foo m', 2, 'unknown mount option "foo"'],
    ['remount -o append:c,foo=1 m', 2, 'unknown mount option "foo=1"'],
    ['remount -o add:c m', 2, 'write add:INDEX:PATH[=PERM]'],
    ['remount -o mod:b m', 2, 'write mod:PATH=PERM'],
    ['remount -o append m', 2, 'write append:PATH[=PERM]'],
    ['remount -o append:=rw m', 2, 'a branch has no path'],
    ['remount -o br=c m', 2, 'br= is for a new mount'],
    ['remount -o udba=often m', 2, 'udba=often'],
    ['remount -o add:3:c m', 1, 'there are only 2 branches'],
    ['remount -o add:1:b m', 1, 'is given twice'],
    ['remount -o append:b/sub m', 1, 'lies inside branch'],
    ['remount -o append:nothere m', 1, 'does not exist; make the directory first'],
    ['remount -o append:b/in-b m', 1, 'is not a directory'],
    ['remount -o append:m/sub m', 1, 'lies in the union itself'],
    ['remount -o append:. m', 1, 'is inside the branch'],
    ['remount -o append:c,del:nothere m', 1, 'is no branch of this union'],
    ['remount -o append:/proc=rw m', 1, 'branch /proc cannot be'],
    ['remount -o mod:c=rw m', 1, 'is no branch of this union'],
    ['remount -o itrunc_xino=2 m', 1, 'there is no branch 2'],
    ['remount -o append:c a', 1, 'is not mounted'],
    ['remount -o append:c nothere', 1, 'is not mounted'],
    ['remount -o ro /proc', 1, 'is mounted, but not by tsaufs'],
    ['mount -o remount,append:c a', 1, 'is not mounted'],
    ['mount -o remount,foo m', 2, 'unknown mount option "foo"'],
  ])('%s: one line, and nothing is changed', async (line, status, message) => {
    const before = await listed(mountpoint);
    const outcome = await here(line);
    expect(outcome.stdout).toBe('');
    expect(outcome.stderr).toMatch(/^tsaufs: [^\n]+\n$/);
    expect(outcome.stderr).toContain(message);
    expect(outcome.status).toBe(status);
    expect(await listed(mountpoint)).toEqual(before);
  });

  test('the last branch stays', async () => {
    expect(await here('remount -o del:b m')).toEqual(done);
    const outcome = await here('remount -o del:a m');
    expect(outcome).toMatchObject({ status: 1, stderr: expect.stringMatching(/^tsaufs: \S+\/a is the last branch[^\n]*\n$/) as string });
    expect(await branches()).toEqual(['64 a=rw']);
  });

  test('what has no effect is said, once', async () => {
    const outcome = await here('remount -o rdhash=def,rdhash=def,append:c=bogus m');
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/^tsaufs: warning: [^\n]+"bogus" taken as ro\ntsaufs: warning: [^\n]+no effect[^\n]+\n$/);
  });

  test('list -v shows options, branch ids, inodes and descriptors', async () => {
    expect(await here('remount -o append:c,noplink m')).toEqual(done);
    readFileSync(path.join(mountpoint, 'in-c'));
    const { stdout } = await tsaufs(['list', '-v']);
    const part = stdout.slice(stdout.indexOf(`${mountpoint} `));
    expect(part).toContain(`    66    ${root}/c=ro\n    opts  rw,noplink\n`);
    expect(part).toMatch(/\n {4}holds [1-9]\d* inodes, 0 open files, 0 open directories, [1-9]\d* descriptors of \d+; [1-9]\d* requests served\n/);
    expect(part).toMatch(/\n {4}takes [1-9]\d*\.\d MB of memory; heap [1-9]\d*\.\d MB, buffers \d+\.\d MB\n/);
    const json = JSON.parse((await tsaufs(['list', '-v', '--gc', '--json'])).stdout) as { mountpoint: string; numbers: MountNumbers }[];
    const { numbers } = json.find((mount) => mount.mountpoint === mountpoint)!;
    expect(numbers.descriptors).toBeLessThan(numbers.descriptorLimit);
    expect(numbers.heap).toBeLessThan(numbers.resident);
  });

  test('another user is not obeyed', async () => {
    const { directory } = (await listed(mountpoint))!;
    chmodSync(root, 0o755);
    expect(statSync(path.join(directory, 'control')).mode & 0o777).toBe(0o600);
    const outcome = await tsaufs(['remount', '-o', `append:${root}/c`, mountpoint], { uid: 65534, env: { PATH: process.env['PATH'] } });
    expect(outcome).toEqual({ status: 1, stdout: '', stderr: 'tsaufs: permission denied: only root and the user who mounted it can do this\n' });
    const list = await tsaufs(['list', '-v'], { uid: 65534, env: { PATH: process.env['PATH'] } });
    expect(list.stdout).toContain(`    opts  rw\n    log   ${directory}/log`);
    expect(await branches()).toEqual(['64 a=rw', '65 b=ro']);
  });
});

const noHelper = obstacle ?? (existsSync('/usr/bin/fusermount3') ? undefined : 'no fusermount3');

describe.skipIf(noHelper !== undefined)(`remount by an ordinary user${noHelper === undefined ? '' : ` (skipped: ${noHelper})`}`, () => {
  const uid = 65534;

  test('branches and options can be changed, flags of the mount cannot', async () => {
    chmodSync(root, 0o755);
    for (const name of ['a', 'b', 'c', 'd', 'm']) chownSync(path.join(root, name), uid, uid);
    mkdirSync(path.join(root, 'state'), { mode: 0o700 });
    chownSync(path.join(root, 'state'), uid, uid);
    const as = { uid, cwd: root, env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: path.join(root, 'state') } };
    expect(await tsaufs(['mount', '-o', 'br=a:b', 'm'], as)).toEqual(done);
    try {
      expect(await tsaufs(['remount', '-o', 'append:c,udba=none,rw,nosuid', 'm'], as)).toEqual(done);
      expect((await run('cat', [path.join(mountpoint, 'in-c')], as)).stdout).toBe('c');
      for (const flag of ['ro', 'noatime', 'suid']) {
        const outcome = await tsaufs(['remount', '-o', flag, 'm'], as);
        expect(outcome).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^tsaufs: \S+: only a mount made by root can change its flags [^\n]+\n$/) as string });
      }
      const { stdout } = await tsaufs(['list', '-v'], as);
      expect(stdout).toMatch(/ {4}opts {2}rw,nosuid,udba=none\n {4}holds \d+ inodes/);
    } finally {
      expect(await tsaufs(['umount', 'm'], as)).toEqual(done);
    }
  });
});
