import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountAt } from '../../src/daemon/mount-table.js';
import { isAlive } from '../../src/daemon/process.js';
import { listed, program, run, startForeground, tsaufs, until, whyNoMount } from './program.js';

const obstacle = whyNoMount();

let home: tmp.DirectoryResult;
let root: string;
let mountpoint: string;

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  mountpoint = path.join(root, 'm');
  for (const name of ['a', 'b', 'm']) mkdirSync(path.join(root, name));
  writeFileSync(path.join(root, 'b/low'), 'low');
});

afterEach(async () => {
  // What a failed test left mounted; its process ends with it.
  while (mountAt(mountpoint)) await run('umount', ['-l', mountpoint]);
  await home.cleanup();
});

const mounted = (): boolean => mountAt(mountpoint) !== undefined;

async function mount(...more: string[]): Promise<void> {
  const outcome = await tsaufs(['mount', '-o', 'br=a:b', ...more, 'm'], { cwd: root });
  expect(outcome).toEqual({ status: 0, stdout: '', stderr: '' });
}

describe.skipIf(obstacle !== undefined)(`a mounted union${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  test('is there when mount returns, listed, and wholly gone when umount returns', async () => {
    await mount();
    expect(readFileSync(path.join(mountpoint, 'low'), 'utf8')).toBe('low');
    const entry = (await listed(mountpoint))!;
    expect(entry).toMatchObject({
      status: 'running', mountpoint, source: 'none', adapter: 'kernel', background: true,
      branches: [{ id: 64, text: `${root}/a=rw` }, { id: 65, text: `${root}/b=ro` }],
    });
    expect(entry.log).toBe(path.join(entry.directory, 'log'));
    const lines = readFileSync(entry.log!, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { msg: string });
    expect(lines.map((line) => line.msg)).toContain('mounted');
    const table = (await tsaufs(['list'])).stdout;
    expect(table).toContain(mountpoint);
    expect(table).toContain(entry.log);
    const outcome = await tsaufs(['umount', 'm'], { cwd: root });
    expect(outcome).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(mounted()).toBe(false);
    expect(isAlive(entry)).toBe(false);
    expect(existsSync(entry.directory)).toBe(false);
    expect(await listed(mountpoint)).toBeUndefined();
  });

  test('is mounted again only when the process that wrote to its branches is over', async () => {
    await mount();
    const former = (await listed(mountpoint))!;
    process.kill(former.pid, 'SIGSTOP');
    try {
      // As umount(8), which returns while the process still has to put down what it knows.
      const unmount = `import ctypes, sys; sys.exit(ctypes.CDLL(None).umount2(sys.argv[1].encode(), 0))`;
      expect((await run('python3', ['-c', unmount, mountpoint])).status).toBe(0);
      const again = mount();
      await Promise.race([again, new Promise((resolve) => setTimeout(resolve, 1000))]);
      process.kill(former.pid, 'SIGCONT');
      await again;
      expect(isAlive(former)).toBe(false);
    } finally {
      if (isAlive(former)) process.kill(former.pid, 'SIGCONT');
    }
    expect((await tsaufs(['umount', 'm'], { cwd: root })).status).toBe(0);
  });

  test.each([
    ['-o br=a:b none m'],
    ['-o br=a:b m'],
    ['none m -o br=a:b'],
    ['none m -n -s -v -o rw,br=a:b,dev,suid'],
    ['mount -o br=a -o append=b m'],
    ['mount -nsv -o br:a:b none m/'],
    ['mount m -o dirs=a=rw:b=ro'],
    ['mount -t fuse.tsaufs none ./b/../m -o br=a:b'],
  ])('tsaufs %s', async (line) => {
    const outcome = await tsaufs(line.split(' '), { cwd: root });
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect((await listed(mountpoint))?.branches.map((branch) => branch.text)).toEqual([`${root}/a=rw`, `${root}/b=ro`]);
    expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
    expect(mounted()).toBe(false);
  });

  test('-r mounts read-only', async () => {
    await mount('-r');
    expect(() => writeFileSync(path.join(mountpoint, 'x'), '')).toThrow('EROFS');
    expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
  });

  test('warnings are said and the mount stands', async () => {
    const outcome = await tsaufs(['mount', '-o', 'br=a:b=bogus,rdblk=def', 'm'], { cwd: root });
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toMatch(/^tsaufs: warning: unknown branch permission "bogus" taken as ro\ntsaufs: warning: [^\n]+no effect[^\n]+\n$/);
    expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
  });

  test('umount goes by any path to the mount point', async () => {
    mkdirSync(path.join(root, 'links'));
    symlinkSync(root, path.join(root, 'links/root'));
    for (const written of ['./b/../m/', 'links/root/m', path.join(root, 'm//')]) {
      await mount();
      expect(await tsaufs(['umount', written], { cwd: root })).toMatchObject({ status: 0, stderr: '' });
      expect(mounted()).toBe(false);
    }
  });

  test('a second mount at one place is refused', async () => {
    await mount();
    const outcome = await tsaufs(['mount', '-o', 'br=a:b', 'm'], { cwd: root });
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toBe(`tsaufs: ${mountpoint} has a tsaufs mount already; unmount it first: tsaufs umount ${mountpoint}\n`);
    expect((await listed(mountpoint))?.status).toBe('running');
    expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
  });

  test('missing, repeated and overlapping branches are refused', async () => {
    for (const [branches, message] of [['a:nothere', 'nothere'], ['a:b:a', 'twice'], ['a/:./a', 'twice'], ['b:b/c', 'b/c'], ['a:b/low', 'not a directory']]) {
      mkdirSync(path.join(root, 'b/c'), { recursive: true });
      const outcome = await tsaufs(['mount', '-o', `br=${branches}`, 'm'], { cwd: root });
      expect(outcome.status).toBe(1);
      expect(outcome.stderr).toMatch(/^tsaufs: [^\n]+\n$/);
      expect(outcome.stderr).toContain(message);
      expect(mounted()).toBe(false);
    }
  });

  test('a mount that is in use stays, says so, and can be detached', async () => {
    await mount();
    const entry = (await listed(mountpoint))!;
    const user = spawn('sleep', ['1000'], { cwd: mountpoint, stdio: 'ignore' });
    try {
      await once(user, 'spawn');
      const refused = await tsaufs(['umount', mountpoint]);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toMatch(/^tsaufs: [^\n]* is busy; [^\n]*lsof[^\n]*umount -l[^\n]*\n$/);
      expect((await listed(mountpoint))?.status).toBe('running');
      expect(await tsaufs(['umount', '-l', mountpoint])).toMatchObject({ status: 0, stderr: '' });
      expect(mounted()).toBe(false);
      expect((await listed(mountpoint))?.status).toBe('detached');
    } finally {
      user.kill('SIGKILL');
      await once(user, 'exit');
    }
    await until(() => !isAlive(entry) && !existsSync(entry.directory));
  });

  test('an unmount by umount(8) ends the process and removes its state', async () => {
    await mount();
    const entry = (await listed(mountpoint))!;
    expect((await run('umount', [mountpoint])).status).toBe(0);
    await until(() => !isAlive(entry));
    expect(existsSync(entry.directory)).toBe(false);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s unmounts', async (signal) => {
    await mount();
    const entry = (await listed(mountpoint))!;
    process.kill(entry.pid, signal);
    await until(() => !isAlive(entry));
    expect(mounted()).toBe(false);
    expect(existsSync(entry.directory)).toBe(false);
  });

  test('a signal detaches what is in use, a second one ends the process', async () => {
    await mount();
    const entry = (await listed(mountpoint))!;
    const user = spawn('sleep', ['1000'], { cwd: mountpoint, stdio: 'ignore' });
    try {
      await once(user, 'spawn');
      process.kill(entry.pid, 'SIGTERM');
      await until(() => !mounted());
      expect(isAlive(entry)).toBe(true);
      await until(() => readFileSync(entry.log!, 'utf8').includes('detached'));
      process.kill(entry.pid, 'SIGTERM');
      await until(() => !isAlive(entry));
    } finally {
      user.kill('SIGKILL');
      await once(user, 'exit');
    }
    expect(await listed(mountpoint)).toBeUndefined();
  });

  test('a dead process is named as such, and umount removes what it left', async () => {
    await mount();
    const entry = (await listed(mountpoint))!;
    process.kill(entry.pid, 'SIGKILL');
    await until(() => !isAlive(entry));
    expect((await listed(mountpoint))?.status).toBe('dead');
    const again = await tsaufs(['mount', '-o', 'br=a:b', 'm'], { cwd: root });
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('has a dead tsaufs mount; remove it first: tsaufs umount');
    const outcome = await tsaufs(['umount', 'm'], { cwd: root });
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toBe(`tsaufs: ${mountpoint}: its process ${entry.pid} is dead; the mount and its state were removed\n`);
    expect(mounted()).toBe(false);
    expect(existsSync(entry.directory)).toBe(false);
  });

  test('a dead mount without any state is removed too', async () => {
    await mount();
    const entry = (await listed(mountpoint))!;
    process.kill(entry.pid, 'SIGKILL');
    await until(() => !isAlive(entry));
    rmSync(entry.directory, { recursive: true });
    const outcome = await tsaufs(['umount', mountpoint]);
    expect(outcome.status).toBe(0);
    expect(outcome.stderr).toContain('its process is dead; the mount was removed');
    expect(mounted()).toBe(false);
  });

  test('in the foreground it logs to stderr, and ends with the mount', async () => {
    const child = startForeground(['mount', '-f', '-o', 'br=a:b', 'm'], root);
    let log = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (log += text));
    try {
      await until(async () => (await listed(mountpoint)) !== undefined);
      expect(await listed(mountpoint)).toMatchObject({ status: 'running', log: null, background: false, pid: child.pid });
      child.kill('SIGINT');
      const [status] = await once(child, 'close') as [number];
      expect(status).toBe(0);
      expect(log).toMatch(/^(tsaufs: [^\n]+\n)+$/);
      expect(log).toContain('mounted');
      expect(log).toContain('SIGINT received');
      expect(mounted()).toBe(false);
    } finally {
      child.kill('SIGKILL');
    }
  });

  test('the background process keeps no directory busy and no terminal open', async () => {
    await mount();
    const { pid } = (await listed(mountpoint))!;
    const { readlinkSync } = await import('node:fs');
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe('/dev/null');
    expect(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')[3]).toBe(String(pid));
    expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
  });
});

const noHelper = obstacle ?? (existsSync('/usr/bin/fusermount3') ? undefined : 'no fusermount3');

describe.skipIf(noHelper !== undefined)(`as an ordinary user${noHelper === undefined ? '' : ` (skipped: ${noHelper})`}`, () => {
  // nobody: fusermount3 wants a user who has a name.
  const uid = 65534;
  const surroundings = { uid, env: { PATH: process.env['PATH'] } };

  test('mounts, lists and unmounts; root can too', async () => {
    chmodSync(root, 0o755);
    for (const name of ['a', 'b', 'm']) chownSync(path.join(root, name), uid, uid);
    try {
      for (const asRoot of [false, true]) {
        const outcome = await tsaufs(['mount', '-o', `br=${root}/a:${root}/b`, mountpoint], surroundings);
        expect(outcome).toEqual({ status: 0, stdout: '', stderr: '' });
        const content = await run('cat', [path.join(mountpoint, 'low')], surroundings);
        expect(content.stdout).toBe('low');
        const list = await tsaufs(['list'], surroundings);
        expect(list.stdout).toContain(mountpoint);
        expect(await tsaufs(['umount', mountpoint], asRoot ? {} : surroundings)).toMatchObject({ status: 0, stderr: '' });
        expect(mounted()).toBe(false);
        await until(async () => !(await tsaufs(['list'], surroundings)).stdout.includes(mountpoint));
        await until(() => Promise.resolve(!existsSync(`/tmp/tsaufs-${uid}`)));
      }
    } finally {
      rmSync(`/tmp/tsaufs-${uid}`, { recursive: true, force: true });
    }
  });

  test('cannot unmount what root mounted', async () => {
    await mount();
    chmodSync(root, 0o755);
    const outcome = await tsaufs(['umount', mountpoint], surroundings);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/^tsaufs: [^\n]+ cannot be unmounted: [^\n]+\n$/);
    expect(mounted()).toBe(true);
    expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
  });
});

test('the program can be run by its name', async () => {
  const outcome = await run(program, ['--version']);
  expect(outcome.status).toBe(0);
});
