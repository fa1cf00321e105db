import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { checkFuse } from '../../src/cli/doctor/fuse.js';
import { checkKernel } from '../../src/cli/doctor/kernel.js';
import { checkLimits } from '../../src/cli/doctor/limits.js';
import { maySysAdmin, type System } from '../../src/cli/doctor/system.js';
import { project } from '../helpers/process.js';
import { listed, program, run, tsaufs, until, whyNoMount } from './program.js';

let home: tmp.DirectoryResult;
beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
});
afterEach(() => home.cleanup());

/** A machine with these files, and no others. */
function machine(files: Record<string, string>, rest: Partial<System> = {}): System {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(home.path, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(home.path, name), text);
  }
  return { root: home.path, release: '6.18.0', uid: 0, ...rest };
}

function told(findings: readonly Finding[], name: string): Finding | undefined {
  return findings.find((each) => each.name === name);
}

const initial = { 'proc/self/uid_map': '         0          0 4294967295\n' };

describe('the kernel', () => {
  test.each<[string, string, string]>([
    ['3.13.0-24-generic', 'Linux', 'fail'],
    ['4.19.300', 'Linux', 'warn'],
    ['6.18.4-arch1', 'Linux', 'ok'],
    ['6.8.0-45-generic', 'passthrough', 'warn'],
    ['6.18.0', 'passthrough', 'ok'],
    ['10.0', 'passthrough', 'ok'],
    ['4.17.1', 'user namespaces', 'warn'],
  ])('%s: %s %s', (release, name, status) => {
    expect(told(checkKernel(machine({ ...initial, 'proc/sys/user/max_user_namespaces': '1000\n' }, { release })), name)?.status).toBe(status);
  });

  it('has passthrough only where it is built in, and for root of the machine', () => {
    const passthrough = (system: System): Finding | undefined => told(checkKernel(system), 'passthrough');
    expect(passthrough(machine(initial, { uid: 1000 }))).toMatchObject({ status: 'warn', found: 'not for ordinary users' });
    expect(passthrough(machine({ 'proc/self/uid_map': '0 1000 1\n' }))).toMatchObject({ status: 'warn' });
    expect(passthrough(machine({ ...initial, 'boot/config-6.18.0': '# CONFIG_FUSE_PASSTHROUGH is not set\n' }))).toMatchObject({ status: 'warn', found: 'not built into this kernel' });
    expect(passthrough(machine({ ...initial, 'boot/config-6.18.0': 'CONFIG_FUSE_PASSTHROUGH=y\n' }))).toMatchObject({ status: 'ok' });
  });

  test.each([
    ['proc/sys/user/max_user_namespaces', '0', 'user.max_user_namespaces=10000'],
    ['proc/sys/kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=1'],
    ['proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', 'kernel.apparmor_restrict_unprivileged_userns=0'],
  ])('has no user namespaces with %s = %s', (name, value, advice) => {
    expect(told(checkKernel(machine({ 'proc/sys/user/max_user_namespaces': '1000', [name]: value })), 'user namespaces')).toMatchObject({
      status: 'warn', advice: expect.stringContaining(advice) as string,
    });
  });

  it('may have AUFS', () => {
    expect(told(checkKernel(machine({ 'proc/filesystems': 'nodev\ttmpfs\nnodev\taufs\n\text4\n' })), 'kernel AUFS')?.status).toBe('warn');
  });
});

describe('FUSE', () => {
  it('needs /dev/fuse', () => {
    expect(told(checkFuse(machine({ 'dev/null': '' })), '/dev/fuse')).toMatchObject({ status: 'fail', found: 'is not there', advice: expect.stringContaining('modprobe fuse') as string });
    expect(told(checkFuse(machine({ 'dev/fuse': '' })), '/dev/fuse')).toMatchObject({ status: 'fail', found: 'is something else' });
  });

  it('needs root to be allowed to mount', () => {
    const findings = checkFuse(machine({ 'proc/self/status': 'CapEff:\t00000000a80425fb\n' }));
    expect(told(findings, 'mounting')).toMatchObject({ status: 'fail', advice: expect.stringContaining('--cap-add SYS_ADMIN') as string });
    expect(maySysAdmin(machine({ 'proc/self/status': 'CapEff:\t000001ffffffffff\n' }))).toBe(true);
  });

  it('tells an ordinary user of user_allow_other', () => {
    const setting = (text: string, uid: number): string | undefined => told(checkFuse(machine({ 'etc/fuse.conf': text }, { uid })), 'user_allow_other')?.status;
    expect(setting('# user_allow_other\n', 1000)).toBe('warn');
    expect(setting('# user_allow_other\n', 0)).toBe('ok');
    expect(setting('mount_max = 100\nuser_allow_other\n', 1000)).toBe('ok');
  });
});

describe('limits', () => {
  const enough = {
    'proc/sys/fs/inotify/max_user_watches': '500000\n', 'proc/sys/fs/inotify/max_user_instances': '128\n', 'proc/sys/fs/nr_open': '1048576\n',
    'proc/self/limits': 'Max open files            1024                 524288               files     \n', 'proc/meminfo': 'MemTotal: 9 kB\nMemAvailable:    2097152 kB\n',
  };

  it('are enough', () => {
    const findings = checkLimits(machine(enough, { uid: 1000 }));
    expect(findings.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(told(findings, 'open files')?.found).toBe('1024, which a mount raises to 524288');
    expect(told(findings, 'memory')?.found).toBe('2048 MB available');
  });

  test.each<[string, string, string]>([
    ['proc/sys/fs/inotify/max_user_watches', '8192\n', 'inotify watches'],
    ['proc/sys/fs/inotify/max_user_instances', '16\n', 'inotify instances'],
    ['proc/self/limits', 'Max open files            1024                 4096               files     \n', 'open files'],
    ['proc/meminfo', 'MemAvailable:    100000 kB\n', 'memory'],
    ['sys/fs/cgroup/memory.max', '100000000\n', 'memory'],
  ])('are not with %s %s', (file, text, name) => {
    expect(told(checkLimits(machine({ ...enough, [file]: text }, { uid: 1000 })), name)).toMatchObject({ status: 'warn', advice: expect.any(String) as string });
  });
});

interface Told {
  possible: boolean;
  checks: Finding[];
}

const missing = whyNoMount();

describe.skipIf(missing !== undefined)(`tsaufs doctor${missing === undefined ? '' : ` (${missing})`}`, () => {
  const left = (): string[] => readdirSync('/tmp').filter((name) => name.startsWith('tsaufs-doctor-'));

  it('tries a mount, and leaves nothing behind', async () => {
    const before = left();
    const { status, stdout, stderr } = await tsaufs(['doctor']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^ok {4}scratch mount +mounted, copied up, unmounted; FUSE protocol 7\.\d+$/m);
    expect(stdout).toMatch(/\nmounts work(, \d+ things? to improve)?\n$/);
    expect(left()).toEqual(before);
  });

  it('says that nothing can be mounted where nothing can', async () => {
    // A root without capabilities, as in a container.
    const { status, stdout } = await run('setpriv', ['--bounding-set=-sys_admin', '--inh-caps=-all', process.execPath, program, 'doctor', '--json']);
    const { possible, checks } = JSON.parse(stdout) as Told;
    expect({ status, possible }).toEqual({ status: 1, possible: false });
    expect(told(checks, 'mounting')?.status).toBe('fail');
    expect(told(checks, 'scratch mount')?.status).toBe('fail');
  });

  it('says that koffi cannot be loaded where it cannot', async () => {
    cpSync(path.dirname(path.dirname(program)), path.join(home.path, 'dist'), { recursive: true });
    mkdirSync(path.join(home.path, 'node_modules'));
    for (const name of ['commander', 'picocolors']) symlinkSync(path.join(project, 'node_modules', name), path.join(home.path, 'node_modules', name));
    const { status, stdout, stderr } = await run(process.execPath, [path.join(home.path, 'dist/cli/main.js'), 'doctor']);
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/^fail {2}koffi +cannot be loaded on linux \w+: .*; install tsaufs again/m);
    expect(stdout).toMatch(/\ncannot mount: koffi\n$/);
  });

  it('works for an ordinary user', async () => {
    const { status, stdout } = await tsaufs(['doctor', '--json'], { uid: 65534, env: { PATH: '/usr/bin:/bin' } });
    const { possible, checks } = JSON.parse(stdout) as Told;
    // With fusermount3 he can mount; without it he is told.
    const able = existsSync('/usr/bin/fusermount3') && statSync('/dev/fuse').mode % 8 === 6;
    expect({ status, possible }).toEqual(able ? { status: 0, possible: true } : { status: 1, possible: false });
    expect(told(checks, 'passthrough')?.status).toBe('warn');
  });

  it('tells of a mount whose process is dead', async () => {
    for (const name of ['a', 'm']) mkdirSync(path.join(home.path, name));
    const mountpoint = path.join(home.path, 'm');
    expect((await tsaufs(['mount', '-o', `br=${home.path}/a`, mountpoint])).status).toBe(0);
    try {
      process.kill((await listed(mountpoint))!.pid, 'SIGKILL');
      await until(async () => (await listed(mountpoint))?.status === 'dead');
      const { stdout } = await tsaufs(['doctor', '--no-mount']);
      expect(stdout).toMatch(new RegExp(`^warn  dead mount +${mountpoint}: its process \\d+ is gone; tsaufs umount ${mountpoint}$`, 'm'));
      expect(stdout).not.toContain('scratch mount');
    } finally {
      expect((await tsaufs(['umount', mountpoint])).status).toBe(0);
    }
  });

  describe('of directories', () => {
    let place: tmp.DirectoryResult;
    beforeAll(async () => {
      place = await tmp.dir({ unsafeCleanup: true });
      for (const name of ['plain', 'ramfs', 'readonly']) mkdirSync(path.join(place.path, name));
      for (const args of [['-t', 'ramfs', 'none', 'ramfs'], ['-t', 'tmpfs', '-o', 'ro', 'none', 'readonly']]) {
        expect(spawnSync('mount', args, { cwd: place.path, encoding: 'utf8' }).stderr).toBe('');
      }
    });
    afterAll(async () => {
      for (const name of ['ramfs', 'readonly']) spawnSync('umount', ['-l', path.join(place.path, name)]);
      await place.cleanup();
    });

    it('tells what they lack', async () => {
      const { status, stdout } = await tsaufs(['doctor', '--no-mount', '--json', 'plain', 'ramfs', 'readonly', '/proc'], { cwd: place.path });
      const { checks } = JSON.parse(stdout) as Told;
      expect(status).toBe(0);
      expect(told(checks, 'plain: features')).toMatchObject({ status: 'ok' });
      expect(told(checks, 'ramfs: user xattrs')).toMatchObject({ status: 'warn' });
      expect(told(checks, 'ramfs: hard links')).toBeUndefined();
      expect(told(checks, 'readonly')).toMatchObject({ status: 'ok', found: 'tmpfs; cannot be written: a branch for reading (ro)' });
      expect(told(checks, '/proc')).toMatchObject({ status: 'warn' });
      for (const name of ['plain', 'ramfs']) expect(readdirSync(path.join(place.path, name))).toEqual([]);
    });

    it('fails for one that is not there', async () => {
      const { status, stdout } = await tsaufs(['doctor', '--no-mount', 'nope'], { cwd: place.path });
      expect(status).toBe(1);
      expect(stdout).toMatch(/^fail {2}nope +does not exist; mkdir nope$/m);
      expect(stdout).toMatch(/\ncannot be branches: nope\n$/);
    });
  });
});
