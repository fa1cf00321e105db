/** The adapter with a real mount: a Loopback served by a worker thread. As root; a user where fusermount3 is. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Session, SessionRequest } from '../../../src/fuse/adapter.js';
import { makeKernelAdapter } from '../../../src/fuse/kernel/adapter.js';
import { type Compiled, compile } from '../compiled.js';
import { scratch } from './harness.js';

const run = promisify(execFile);
const canMount = process.getuid?.() === 0 && existsSync('/dev/fuse');

let compiled: Compiled;
let directory: ReturnType<typeof scratch>;
let branch: string;
let mountpoint: string;
let session: Session | null = null;
const logged: string[] = [];

beforeAll(() => void (compiled = compile()));
afterAll(() => compiled.remove());

beforeEach(() => {
  directory = scratch();
  branch = join(directory.path, 'branch');
  mountpoint = join(directory.path, 'mount point');
  mkdirSync(branch);
  mkdirSync(mountpoint);
  logged.length = 0;
});

afterEach(async () => {
  await session?.unmount({ lazy: true });
  await session?.ended;
  session = null;
  directory.remove();
});

function requestFor(change: Partial<SessionRequest> = {}): SessionRequest {
  const off = { wh: false, nolwh: false, unpin: false, moo: false, fhsm: false, icex: [] };
  return {
    mountpoint,
    source: 'none',
    union: {
      branches: [{ path: branch, perm: 'rw', coo: 'none', ...off }],
      acl: true,
      udba: 'none',
    } as unknown as SessionRequest['union'],
    mount: { readonly: false, nosuid: true, nodev: false, noexec: false, atime: 'noatime', allowOther: true },
    onEvent: () => undefined,
    onLog: (level, message) => void logged.push(`${level}: ${message}`),
    ...change,
  };
}

function loopbackAdapter() {
  return makeKernelAdapter(compiled.url('test/fuse/loopback-worker'));
}

async function mountLoopback(change: Partial<SessionRequest> = {}): Promise<Session> {
  return (session = await loopbackAdapter().start(requestFor(change)));
}

const isMounted = () => readFileSync('/proc/mounts', 'utf8').includes(mountpoint.replaceAll(' ', '\\040'));
const openDescriptors = () => readdirSync('/proc/self/fd').length;

describe.runIf(canMount)('a mount', () => {
  it('has its type, source and options', async () => {
    await mountLoopback({ source: 'some,where' });
    const line = readFileSync('/proc/mounts', 'utf8').split('\n').find((one) => one.startsWith('some,where '))!;
    const [, , type, options] = line.split(' ');
    expect(type).toBe('fuse.tsaufs');
    expect(options.split(',')).toEqual(
      expect.arrayContaining(['rw', 'nosuid', 'noatime', 'default_permissions', 'allow_other']),
    );
    expect(session!.branches).toEqual([{ id: 64, path: '/loopback', text: '/loopback=rw' }]);
  });

  it('is a file system: trees, links, renames, attributes', async () => {
    await mountLoopback();
    const inside = (name: string) => join(mountpoint, name);
    await fs.mkdir(inside('a/b/c'), { recursive: true });
    await fs.writeFile(inside('a/file'), 'content');
    await fs.symlink('file', inside('a/link'));
    expect(await fs.readFile(inside('a/link'), 'utf8')).toBe('content');
    await fs.link(inside('a/file'), inside('a/hard'));
    expect((await fs.stat(inside('a/hard'))).nlink).toBe(2);
    await fs.rename(inside('a/file'), inside('a/b/moved'));
    await expect(fs.stat(inside('a/file'))).rejects.toMatchObject({ code: 'ENOENT' });
    await fs.chmod(inside('a/hard'), 0o600);
    await fs.utimes(inside('a/hard'), 5e8, 1e9);
    expect(await fs.stat(inside('a/b/moved'))).toMatchObject({ mode: 0o100600, mtimeMs: 1e12, atimeMs: 5e11 });
    await fs.truncate(inside('a/hard'), 3);
    expect(await fs.readFile(join(branch, 'a/b/moved'), 'utf8')).toBe('con');
    await expect(fs.rmdir(inside('a'))).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await fs.rm(inside('a'), { recursive: true });
    expect(readdirSync(branch)).toEqual([]);
    expect(logged.filter((line) => !line.startsWith('debug'))).toEqual([]);
  });

  it('carries names of any bytes', async () => {
    await mountLoopback();
    const name = Buffer.from([0x61, 0xff, 0xfe, 0x20, 0x0a]);
    await fs.writeFile(Buffer.concat([Buffer.from(`${mountpoint}/`), name]), 'x');
    const found = await fs.readdir(Buffer.from(branch), { encoding: 'buffer' });
    expect(found).toEqual([name]);
  });

  it('carries data, in requests of a megabyte and at odd places', async () => {
    await mountLoopback();
    const data = randomBytes(5 * 1024 * 1024 + 17);
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    await fs.writeFile(join(mountpoint, 'data'), data);
    expect(hash(readFileSync(join(branch, 'data')))).toBe(hash(data));
    const file = await fs.open(join(mountpoint, 'data'), 'r+');
    await file.write(Buffer.from('patch'), 0, 5, 1_234_567);
    const { buffer } = await file.read(Buffer.alloc(7), 0, 7, 1_234_566);
    await file.sync();
    await file.close();
    expect(buffer.subarray(1, 6).toString()).toBe('patch');
    expect(hash(await fs.readFile(join(mountpoint, 'data')))).toBe(hash(readFileSync(join(branch, 'data'))));
  });

  it('lists a large directory completely', async () => {
    const names = Array.from({ length: 3000 }, (_, i) => `a file with a rather long name, number ${i}`);
    for (const name of names) writeFileSync(join(branch, name), '');
    await mountLoopback();
    expect((await fs.readdir(mountpoint)).sort()).toEqual([...names].sort());
    const withTypes = await fs.readdir(mountpoint, { withFileTypes: true });
    expect(withTypes.every((entry) => entry.isFile())).toBe(true);
  });

  it('answers commands while it serves, and counts', async () => {
    await mountLoopback();
    await fs.writeFile(join(mountpoint, 'x'), 'x');
    expect(await session!.call({ name: 'branches' })).toEqual(session!.branches);
    const stats = (await session!.call({ name: 'stats' })) as { requests: number };
    expect(stats.requests).toBeGreaterThan(2);
    await expect(session!.call({ name: 'nonsense' })).rejects.toThrow('unknown command: nonsense');
  });

  it('passes events and the wish for them on', async () => {
    const events: unknown[] = [];
    await mountLoopback({ onEvent: (event) => void events.push(event) });
    expect(await session!.call({ name: 'event' })).toBe(false);
    expect(events).toMatchObject([{ kind: 'create', path: '/x', branch: '/b', pid: 1 }]);
    const command = readFileSync('/proc/1/comm', 'utf8').trimEnd();
    expect(events).toMatchObject([{ command, time: expect.closeTo(Date.now(), -5) as number }]);
    session!.setEvents(true);
    expect(await session!.call({ name: 'event' })).toBe(true);
  });

  it('makes the kernel forget a name and a node that changed behind its back', async () => {
    await mountLoopback();
    const file = join(mountpoint, 'late');
    await expect(fs.stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    writeFileSync(join(branch, 'late'), 'first');
    await expect(fs.stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await session!.call({ name: 'invalidate', argument: { kind: 'entry', parent: 1, name: 'late' } });
    expect((await fs.stat(file)).size).toBe(5);

    writeFileSync(join(branch, 'late'), 'longer than before');
    expect((await fs.stat(file)).size).toBe(5);
    const all = Array.from({ length: 10 }, (_, node) => ({ kind: 'inode', node, offset: 0, length: 0 }));
    for (const argument of all) await session!.call({ name: 'invalidate', argument });
    expect((await fs.stat(file)).size).toBe(18);
  });

  it('whose worker dies is taken down, and those who wait in it get an error', async () => {
    await mountLoopback();
    await expect(session!.call({ name: 'die' })).rejects.toThrow(/not mounted any more/);
    expect(await session!.ended).toEqual({ reason: 'failed', error: 'the worker thread ended unexpectedly' });
    expect(isMounted()).toBe(false);
  });

  it('is not unmounted while in use, but lazily; ends when the last user is gone', async () => {
    await mountLoopback();
    writeFileSync(join(mountpoint, 'x'), 'x');
    const fd = openSync(join(mountpoint, 'x'), 'r');
    try {
      await expect(session!.unmount({ lazy: false })).rejects.toThrow(/ is busy: /);
      expect(isMounted()).toBe(true);
      await session!.unmount({ lazy: true });
      expect(isMounted()).toBe(false);
      expect(readFileSync(fd, 'utf8')).toBe('x');
    } finally {
      closeSync(fd);
    }
    expect(await session!.ended).toEqual({ reason: 'unmounted' });
    await session!.unmount({ lazy: false });
    await expect(session!.call({ name: 'stats' })).rejects.toThrow(/not mounted any more/);
  });

  it('ends when somebody else unmounts it', async () => {
    await mountLoopback();
    await run('umount', [mountpoint]);
    expect(await session!.ended).toEqual({ reason: 'unmounted' });
  });

  it('leaves no descriptor behind', async () => {
    await mountLoopback();
    await session!.unmount({ lazy: false });
    await session!.ended;
    const before = openDescriptors();
    for (let i = 0; i < 3; i += 1) {
      await mountLoopback();
      await fs.writeFile(join(mountpoint, 'x'), String(i));
      await session!.unmount({ lazy: false });
      await session!.ended;
    }
    expect(openDescriptors()).toBe(before);
  });
});

describe.runIf(canMount)('a mount that fails', () => {
  it('for want of a mount point', async () => {
    const adapter = loopbackAdapter();
    await expect(adapter.start(requestFor({ mountpoint: join(directory.path, 'none') }))).rejects.toThrow(
      /mount point .*none does not exist; make it with mkdir$/,
    );
    writeFileSync(join(directory.path, 'file'), '');
    await expect(adapter.start(requestFor({ mountpoint: join(directory.path, 'file') }))).rejects.toThrow(
      /is not a directory; name one$/,
    );
  });

  it('because the union cannot be made', async () => {
    const before = openDescriptors();
    branch = join(directory.path, 'no-branch');
    await expect(loopbackAdapter().start(requestFor())).rejects.toThrow(/^ENOENT: .*no-branch$/);
    expect(isMounted()).toBe(false);
    expect(openDescriptors()).toBe(before);
  });

  it('because mount(2) refuses: the union is closed again', async () => {
    const before = openDescriptors();
    await expect(loopbackAdapter().start(requestFor({ source: 'x'.repeat(5000) }))).rejects.toThrow(
      /^cannot mount on .*: file name too long$/,
    );
    expect(openDescriptors()).toBe(before);
  });

  it('because the worker breaks', async () => {
    const broken = join(directory.path, 'broken.mjs');
    writeFileSync(broken, 'throw new Error("broken");');
    const adapter = makeKernelAdapter(new URL(`file://${broken}`));
    await expect(adapter.start(requestFor())).rejects.toThrow('broken');
    expect(isMounted()).toBe(false);
  });
});

interface UserOutcome {
  line?: string;
  uid?: number;
  end?: object;
  error?: string;
}

/** As an ordinary user, in a process of its own: `nobody` mounts, uses and unmounts. */
describe.runIf(canMount && ['/usr/bin/fusermount3', '/usr/bin/setpriv'].every((file) => existsSync(file)) && (await anyoneMayOpenDevice()))('as a user', () => {
  const script = () => `
    import { makeKernelAdapter } from '${compiled.url('src/fuse/kernel/adapter').href}';
    import { readFileSync, writeFileSync, statSync } from 'node:fs';
    const adapter = makeKernelAdapter(new URL('${compiled.url('test/fuse/loopback-worker').href}'));
    const [mountpoint, branch, allowOther] = process.argv.slice(-3);
    const request = {
      mountpoint, source: 'a,b\\\\c', union: { branches: [{ path: branch }], acl: true },
      mount: { readonly: false, nosuid: false, nodev: false, noexec: true, atime: 'default', allowOther: allowOther === 'yes' },
      onEvent() {}, onLog() {},
    };
    try {
      const session = await adapter.start(request);
      writeFileSync(mountpoint + '/x', 'written');
      const line = readFileSync('/proc/mounts', 'utf8').split('\\n').find((one) => one.startsWith('a,b'));
      const uid = statSync(mountpoint + '/x').uid;
      await session.unmount({ lazy: false });
      console.log(JSON.stringify({ line, uid, end: await session.ended }));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }`;

  async function asNobody(allowOther: 'yes' | 'no', path = process.env['PATH']): Promise<UserOutcome> {
    chmodSync(directory.path, 0o755);
    await run('chown', ['65534:65534', branch, mountpoint]);
    // The script is given and not a file of it: nobody may not be able to read where it would lie.
    const node = [process.execPath, '--input-type=module', '-e', script(), mountpoint, branch, allowOther];
    const { stdout } = await run('/usr/bin/setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...node], {
      env: { ...process.env, PATH: path },
    });
    return JSON.parse(stdout) as UserOutcome;
  }

  it('mounts by fusermount3', async () => {
    const { line, uid, end, error } = await asNobody('no');
    expect(error).toBeUndefined();
    expect(line).toMatch(/^a,b\\134c .* fuse\.tsaufs rw,nosuid,nodev,noexec,.*default_permissions/);
    expect(uid).toBe(65534);
    expect(end).toEqual({ reason: 'unmounted' });
    expect(readFileSync(join(branch, 'x'), 'utf8')).toBe('written');
    expect(isMounted()).toBe(false);
  });

  it.skipIf(existsSync('/etc/fuse.conf') && /^user_allow_other/m.test(readFileSync('/etc/fuse.conf', 'utf8')))(
    'is told how to be allowed allow_other',
    async () => {
      expect((await asNobody('yes')).error).toMatch(/user_allow_other into \/etc\/fuse\.conf$/);
    },
  );

  it('is told what to install', async () => {
    expect((await asNobody('no', '/nonexistent')).error).toMatch(/apt-get install fuse3/);
  });
});

async function anyoneMayOpenDevice(): Promise<boolean> {
  return ((await fs.stat('/dev/fuse')).mode & 0o006) === 0o006;
}
