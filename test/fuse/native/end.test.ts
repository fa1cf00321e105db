// However a mount of the fuse-native adapter ends: no process is left, and no mount that answers nobody.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, symlinkSync, mkdirSync, cpSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ListedMount } from '../../../src/daemon/list.js';
import { findPackage } from '../../../src/fuse/native/addon.js';
import { isMounted, isRunning, memory, temporary } from '../../helpers/mounted.js';
import { because, noRootMount, program, project, run, shell, succeed, until } from '../../helpers/process.js';

const reason = noRootMount() ?? (findPackage() === undefined ? 'the package fuse-native is not installed' : undefined);

interface Native {
  root: string;
  mnt: string;
  daemon: ListedMount;
  /** The process that serves the mount. */
  server: number;
}

/** A union of up over low, in which there is a file `f`. Whatever the test leaves is ended. */
async function native(use: (mount: Native) => Promise<void>): Promise<void> {
  await temporary(memory, undefined, async (root) => {
    await shell(`cd ${root}; mkdir up low mnt; echo lower > low/f`);
    const mnt = path.join(root, 'mnt');
    await succeed(process.execPath, [program, 'mount', '--adapter', 'fuse-native', '-o', `br=${root}/up:${root}/low`, mnt]);
    const daemon = (await listed(mnt))!;
    const server = serverOf(daemon.pid);
    try {
      await use({ root, mnt, daemon, server });
    } finally {
      for (const pid of [daemon.pid, server]) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
      await until(() => !isRunning(daemon.pid) && !isRunning(server));
      rmSync(daemon.directory, { recursive: true, force: true });
    }
  });
}

async function listed(mnt: string): Promise<ListedMount | undefined> {
  const all = JSON.parse(await succeed(process.execPath, [program, 'list', '--json'])) as ListedMount[];
  return all.find((mount) => mount.mountpoint === mnt);
}

function serverOf(daemon: number): number {
  const [server] = readFileSync(`/proc/${daemon}/task/${daemon}/children`, 'latin1').trim().split(' ').map(Number);
  expect(readFileSync(`/proc/${server}/cmdline`, 'latin1')).toContain('server-main.js');
  return server;
}

async function gone({ mnt, daemon, server }: Native): Promise<void> {
  await until(() => !isRunning(daemon.pid) && !isRunning(server));
  expect(isMounted(mnt)).toBe(false);
}

describe.skipIf(reason !== undefined)(`the end of a mount by fuse-native${because(reason)}`, () => {
  test('tsaufs umount', () => native(async (mount) => {
    expect(mount.daemon.adapter).toBe('fuse-native');
    await succeed(process.execPath, [program, 'umount', mount.mnt]);
    expect([isMounted(mount.mnt), isRunning(mount.daemon.pid), isRunning(mount.server), existsSync(mount.daemon.directory)])
      .toEqual([false, false, false, false]);
  }));

  test('umount(8), without a word to us', () => native(async (mount) => {
    await succeed('umount', [mount.mnt]);
    await gone(mount);
    expect(existsSync(mount.daemon.directory)).toBe(false);
  }));

  test('SIGTERM to the daemon', () => native(async (mount) => {
    process.kill(mount.daemon.pid, 'SIGTERM');
    await gone(mount);
    expect(existsSync(mount.daemon.directory)).toBe(false);
  }));

  test('detached while a file is open: it is served until it is closed', () => native(async (mount) => {
    const file = openSync(path.join(mount.mnt, 'f'), 'r');
    try {
      const busy = await run(process.execPath, [program, 'umount', mount.mnt]);
      expect([busy.status, busy.stderr]).toEqual([1, expect.stringContaining('is busy')]);
      await succeed(process.execPath, [program, 'umount', '-l', mount.mnt]);
      const bytes = Buffer.alloc(6);
      readSync(file, bytes, 0, 6, 0);
      expect([bytes.toString(), isMounted(mount.mnt), isRunning(mount.server)]).toEqual(['lower\n', false, true]);
    } finally {
      closeSync(file);
    }
    await gone(mount);
    expect(existsSync(mount.daemon.directory)).toBe(false);
  }));

  test('the serving process is killed: the daemon takes the mount away, ends, and tells why', () => native(async (mount) => {
    process.kill(mount.server, 'SIGKILL');
    await gone(mount);
    expect((await listed(mount.mnt))?.failure).toBe('the serving process ended unexpectedly (SIGKILL)');
    const { status, stderr } = await run(process.execPath, [program, 'umount', mount.mnt]);
    expect([status, stderr]).toEqual([0, expect.stringContaining('its state was removed')]);
  }));

  test('the daemon is killed: the serving process takes the mount away and ends', () => native(async (mount) => {
    process.kill(mount.daemon.pid, 'SIGKILL');
    await gone(mount);
  }));

  test('both are killed: tsaufs umount takes the dead mount away', () => native(async (mount) => {
    process.kill(mount.server, 'SIGSTOP');
    process.kill(mount.daemon.pid, 'SIGKILL');
    process.kill(mount.server, 'SIGKILL');
    await until(() => !isRunning(mount.daemon.pid) && !isRunning(mount.server));
    expect(isMounted(mount.mnt)).toBe(true);
    const { status, stderr } = await run(process.execPath, [program, 'umount', mount.mnt]);
    expect([status, stderr]).toEqual([0, expect.stringContaining('is dead; the mount and its state were removed')]);
    await gone(mount);
  }));

  test('the serving process hangs: it is killed once the mount is gone', () => temporary(memory, undefined, async (root) => {
    await shell(`cd ${root}; mkdir up mnt`);
    const dist = (file: string): string => pathToFileURL(path.join(project, 'dist', file)).href;
    const script = `
      import { readFileSync } from 'node:fs';
      import { makeNativeAdapter } from '${dist('fuse/native/adapter.js')}';
      import { parseMountOptions } from '${dist('options/mount.js')}';
      const { union, mount } = parseMountOptions(['br=${root}/up'], '/');
      const adapter = makeNativeAdapter(new URL('${dist('fuse/native/server-main.js')}'), 200);
      const session = await adapter.start({ mountpoint: '${root}/mnt', source: 'x', union, mount, onEvent() {}, onLog() {} });
      const server = Number(readFileSync('/proc/self/task/' + process.pid + '/children', 'latin1').trim());
      process.kill(server, 'SIGSTOP');
      await session.unmount({ lazy: false });
      console.log(JSON.stringify({ server, end: await session.ended }));
    `;
    const out = await succeed(process.execPath, ['--input-type=module', '-e', script]);
    const { server, end } = JSON.parse(out) as { server: number; end: object };
    expect(end).toEqual({ reason: 'failed', error: 'the serving process hung when the mount was gone, and was killed' });
    expect([isMounted(path.join(root, 'mnt')), isRunning(server)]).toEqual([false, false]);
  }));

  test('^C in the foreground', () => temporary(memory, undefined, async (root) => {
    await shell(`cd ${root}; mkdir up mnt`);
    const mnt = path.join(root, 'mnt');
    // A group of its own, of which every process gets the signal, as from a terminal.
    const child = spawn(process.execPath, [program, 'mount', '-f', '--adapter', 'fuse-native', '-o', `br=${root}/up`, mnt], { stdio: 'ignore', detached: true });
    const ended = once(child, 'exit');
    await until(() => isMounted(mnt));
    const server = serverOf(child.pid!);
    // It is listed last of all.
    while (await listed(mnt) === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    process.kill(-child.pid!, 'SIGINT');
    expect(await ended).toEqual([0, null]);
    await until(() => !isRunning(server));
    expect(isMounted(mnt)).toBe(false);
  }));
});

describe.skipIf(reason !== undefined)(`what fuse-native refuses${because(reason)}`, () => {
  const mounting = async (root: string, options: string, main = program): Promise<string> => {
    const { status, stderr } = await run(process.execPath, [main, 'mount', '--adapter', 'fuse-native', '-o', `br=${root}/up,${options}`, `${root}/mnt`]);
    expect([status, isMounted(`${root}/mnt`)]).toEqual([1, false]);
    return stderr;
  };

  test('root\'s mount for everybody, unless all new files are to be root\'s', () => temporary(memory, undefined, async (root) => {
    await shell(`cd ${root}; mkdir up mnt; chmod 777 up`);
    expect(await mounting(root, 'allow_other')).toMatch(/^tsaufs: the adapter fuse-native cannot tell who makes a file, .* own_new_files, .*\n$/);
    await succeed(process.execPath, [program, 'mount', '--adapter', 'fuse-native', '-o', `br=${root}/up,allow_other,own_new_files`, `${root}/mnt`]);
    await shell(`echo x > ${root}/mnt/theirs`, { as: { uid: 65534, gid: 65534 } });
    expect((await shell(`stat -c %u ${root}/mnt/theirs; ${process.execPath} ${program} umount ${root}/mnt`)).trim()).toBe('0');
  }));

  test('what libfuse refuses, in its words', () => temporary(memory, undefined, async (root) => {
    await shell(`cd ${root}; mkdir up mnt`);
    expect(await mounting(root, `fsname=${'x'.repeat(1100)}`)).toContain('must not be longer than 1023 bytes');
  }));

  test('a mount without the package: it says what to install', () => temporary(memory, undefined, async (root) => {
    await shell(`cd ${root}; mkdir up mnt program program/node_modules`);
    cpSync(path.join(project, 'dist'), path.join(root, 'program/dist'), { recursive: true });
    cpSync(path.join(project, 'package.json'), path.join(root, 'program/package.json'));
    const modules = path.join(project, 'node_modules');
    for (const name of readdirSync(modules)) {
      if (!name.startsWith('.') && name !== 'fuse-native') symlinkSync(path.join(modules, name), path.join(root, 'program/node_modules', name));
    }
    mkdirSync(path.join(root, 'nothing'));
    expect(await mounting(root, 'ro', path.join(root, 'program/dist/cli/main.js')))
      .toMatch(/^tsaufs: the adapter fuse-native needs the package fuse-native: npm install fuse-native.*\n$/);
  }));
});
