// Nobody waits for another's slow work: a large copy-up, fsync, reads from a slow branch. The slow branch is a FUSE file
// system of the tests' own (test/fuse/slow-worker.ts): how long it takes is not a matter of the machine.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Session, SessionRequest } from '../../src/fuse/adapter.js';
import { makeKernelAdapter } from '../../src/fuse/kernel/adapter.js';
import { type Compiled, compile } from '../fuse/compiled.js';
import { act } from '../helpers/actor.js';
import { memory, mountedIn, temporary, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, succeed, until } from '../helpers/process.js';

const reason = noRootMount();
const MIB = 1 << 20;

let compiled: Compiled;
beforeAll(() => void (compiled = compile()));
afterAll(() => compiled.remove());

/** A union of upper=rw and a slow branch; `files` are those of the slow one and their sizes. */
async function overSlow(
  perm: 'ro' | 'rw', files: Record<string, number>, use: (union: Mounted) => Promise<void>,
): Promise<void> {
  await temporary(memory, undefined, async (root) => {
    let session: Session | undefined;
    const fill = async () => {
      const backing = path.join(root, 'backing');
      mkdirSync(backing);
      for (const [name, size] of Object.entries(files)) writeFileSync(path.join(backing, name), Buffer.alloc(size, 'x'));
      session = await makeKernelAdapter(compiled.url('test/fuse/slow-worker')).start(slowSession(backing, path.join(root, 'lower')));
    };
    try {
      await mountedIn(root, { branches: [['upper', 'rw'], ['lower', perm]], fill }, use);
    } finally {
      await session?.unmount({ lazy: true });
      await session?.ended;
    }
  });
}

function slowSession(backing: string, mountpoint: string): SessionRequest {
  const off = { wh: false, nolwh: false, unpin: false, moo: false, fhsm: false, icex: [] };
  return {
    mountpoint,
    source: 'slow',
    union: { branches: [{ path: backing, perm: 'rw', coo: 'none', ...off }], acl: true, udba: 'none' } as unknown as SessionRequest['union'],
    mount: { readonly: false, nosuid: true, nodev: false, noexec: false, atime: 'noatime', allowOther: true },
    onEvent: () => undefined,
    onLog: () => undefined,
  };
}

/** For the scripts: children that do slow work, and what others do meanwhile. */
const tools = `
import signal, statistics, time
orphans = upper + '/.wh..wh.orph'
def child(work):
    pid = os.fork()
    if pid == 0:
        try: work()
        finally: os._exit(0)
    return pid
def write(path, data, offset=0):
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, data, offset)
def begun():
    while not os.listdir(orphans): time.sleep(0.005)
def running(pid): return os.waitpid(pid, os.WNOHANG)[0] == 0
def rounds(n):
    times = []
    for i in range(n):
        start = time.perf_counter()
        fd = os.open('bench/f%d' % i, os.O_CREAT | os.O_RDWR)
        os.write(fd, b'data')
        os.pread(fd, 4, 0)
        os.close(fd)
        os.stat('bench/f%d' % i)
        os.unlink('bench/f%d' % i)
        times.append(time.perf_counter() - start)
    return times
`;

const play = <Result>(union: Mounted, script: string): Promise<Result> => act<Result>(union, tools.trim() + '\n' + undent(script));

function undent(script: string): string {
  const margin = /^\n?( *)/.exec(script)![1].length;
  return script.replace(/^\n/, '').split('\n').map((line) => line.slice(margin)).join('\n');
}

describe.skipIf(reason !== undefined)(`while something slow goes on${because(reason)}`, () => {
  test('others are served during a copy-up at their usual pace; SIGKILL ends it, and nothing stays', () =>
    overSlow('ro', { 'slow-big': 64 * MIB }, async (u) => {
      const [ratio, still, read, orphans, names] = await play<[number, boolean, string, string[], string[]]>(u, `
        os.mkdir('bench')
        rounds(100)
        idle = rounds(200)
        pid = child(lambda: write('slow-big', b'W'))
        begun()
        busy = rounds(200)
        still = running(pid)
        fd = os.open('slow-big', os.O_RDONLY)
        read = os.pread(fd, 3, 32 << 20).decode()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        result([statistics.median(busy) / statistics.median(idle), still, read, names(orphans), [n for n in names(upper) if n[0] != '.']])
      `);
      // Not one of the 200 rounds had to wait for the copy, which takes 25 seconds.
      expect(still).toBe(true);
      expect(ratio).toBeLessThan(10);
      expect([read, orphans, names]).toEqual(['xxx', [], ['bench']]);
    }));

  test('a caught signal ends the wait, and a timer that comes again and again does not keep it from its end', () =>
    overSlow('ro', { 'slow-big': 64 * MIB, 'slow-4': 4 * MIB }, async (u) => {
      expect(await play(u, `
        class Stop(Exception): pass
        def stop(*_): raise Stop
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try: write('slow-big', b'W')
        except Stop: stopped = True
        else: stopped = False
        while os.listdir(orphans): time.sleep(0.01)
        left = os.path.exists(upper + '/slow-big')
        ticks = []
        signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        write('slow-4', b'W', 3)
        signal.setitimer(signal.ITIMER_REAL, 0)
        result([stopped, left, len(ticks) > 1, get(upper + '/slow-4') == 'xxxW' + 'x' * (4 * 1048576 - 4), names(orphans)])
      `)).toEqual([true, false, true, true, []]);
    }));

  test('several writers of one file: nothing of what they wrote is lost', () =>
    overSlow('ro', { 'slow-2': 2 * MIB }, async (u) => {
      expect(await play(u, `
        writers = [child(lambda: write('slow-2', b'%d' % i, i)) for i in range(8)]
        for pid in writers: os.waitpid(pid, 0)
        result([get('slow-2')[:10], os.stat('slow-2').st_size, get(lower + '/slow-2')[:10], names(orphans)])
      `)).toEqual(['01234567xx', 2 * MIB, 'xxxxxxxxxx', []]);
    }));

  test('emptied in the midst: nobody waits for what is of no use any more', () =>
    overSlow('ro', { 'slow-big': 64 * MIB }, async (u) => {
      expect(await play(u, `
        pid = child(lambda: write('slow-big', b'end', 5))
        begun()
        os.close(os.open('slow-big', os.O_WRONLY | os.O_TRUNC))
        os.waitpid(pid, 0)
        result([get('slow-big'), os.stat(lower + '/slow-big').st_size, names(orphans)])
      `)).toEqual(['\0\0\0\0\0end', 64 * MIB, []]);
    }));

  test('reading from a slow branch stops nobody else', () =>
    overSlow('ro', { 'slow-big': 64 * MIB, 'slow-1': MIB }, async (u) => {
      expect(await play(u, `
        os.mkdir('bench')
        pid = child(lambda: get('slow-big'))
        time.sleep(0.1)
        rounds(200)
        still = running(pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        result([still, get('slow-1') == 'x' * 1048576])
      `)).toEqual([true, true]);
    }));

  test('fsync on a slow branch stops nobody else, and tells when it is done', () =>
    overSlow('rw', { 'slow-file': 10 }, async (u) => {
      expect(await play(u, `
        os.mkdir('bench')
        def sync():
            fd = os.open('slow-file', os.O_WRONLY)
            os.write(fd, b'W')
            os.fsync(fd)
        pid = child(sync)
        while get(root + '/backing/slow-file')[0] != 'W': time.sleep(0.005)
        rounds(200)
        still = running(pid)
        result([still, os.waitpid(pid, 0)[1]])
      `)).toEqual([true, 0]);
    }));

  test('the mount is broken off in the midst: the daemon ends, and nothing stays', async () => {
    await overSlow('ro', { 'slow-big': 64 * MIB }, async (u) => {
      const orphans = u.on('upper', '.wh..wh.orph');
      const written = play<string>(u, "result(error(write, 'slow-big', b'W'))");
      await until(() => readdirSync(orphans).length > 0);
      await succeed('umount', ['-f', '-l', u.mnt]);
      expect(['ECONNABORTED', 'ENOTCONN', 'EINTR']).toContain(await written);
      await u.ended();
      expect(readdirSync(orphans)).toEqual([]);
      expect(existsSync(u.on('upper', 'slow-big'))).toBe(false);
    });
  });
});
