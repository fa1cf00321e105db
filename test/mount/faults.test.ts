// What a mount survives, and what the next one finds: a killed daemon, full and vanished branches, no more descriptors.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { act, prepare } from '../helpers/actor.js';
import { disk, isRunning, memory, mounted, mountedIn, temporary, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, program, project, python, pythonProgram, run, succeed, until } from '../helpers/process.js';

const reason = noRootMount();
const steps = path.join(project, 'test/mount/scripts/steps.py');

/** More by hand: TSAUFS_KILLS=60 npx vitest run test/mount/faults.test.ts -t killed */
const kills = Number(process.env['TSAUFS_KILLS'] ?? 4);

async function killDaemon({ daemon }: Mounted): Promise<void> {
  process.kill(daemon.pid, 'SIGKILL');
  await until(() => !isRunning(daemon.pid));
}

/** What lies hidden in a branch's root, and what is among its orphans and pseudo-links. */
function hidden(branch: string): string[] {
  const base = ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk'];
  return [
    ...readdirSync(branch).filter((name) => name.startsWith('.wh..wh.') && !base.includes(name)),
    ...['.wh..wh.orph', '.wh..wh.plnk'].flatMap((name) => readdirSync(path.join(branch, name))),
  ];
}

describe.skipIf(reason !== undefined)(`faults${because(reason)}`, () => {
  describe.each([[memory], [disk]])('killed at any moment, on %s', (base) => {
    test('every operation is done or not done', () => temporary(base, undefined, async (root) => {
      const fill = (): Promise<void> => prepare(root, `
        for d in ('a', 'a/b', 'c', 'c/d', 'e'): os.makedirs('lower/' + d, exist_ok=True)
        for f in ('a/a', 'a/b/c', 'b', 'c/a', 'c/d/e', 'd'): put('lower/' + f, f * 100)
        put('lower/f', 'large' * 400000)
      `);
      mkdirSync(path.join(root, 'lower'), { recursive: true });
      await fill();
      for (let round = 0; round < kills; round++) {
        const log = path.join(root, `log${String(round)}`);
        await mountedIn(root, {}, async (u) => {
          const running = run(pythonProgram, [steps, 'run', u.mnt, log, String(Date.now() % 1e6 + round)]);
          await until(() => existsSync(log));
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
          await killDaemon(u);
          // Before the callers are waited for: it is what ends those that the dead process can no longer answer.
          await u.unmount();
          const { stdout, stderr } = await running;
          expect([stdout, stderr]).toEqual([expect.stringMatching(/ENOTCONN|ECONNABORTED/), '']);
        });
        await mountedIn(root, {}, async (u) => {
          expect(await python(readFileSync(steps, 'utf8'), ['check', u.mnt, log]), `round ${String(round)}`).toBeNull();
          await u.unmount();
          expect(hidden(u.on('upper'))).toEqual([]);
        });
      }
    }), 60_000 + kills * 10_000);
  });

  test('a branch without room: the caller hears of it, nothing changes, and less goes on', () => mounted({
    fill: async (root) => {
      await succeed('mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=755', 'tsaufs-test', path.join(root, 'upper')]);
      await prepare(root, `
        os.makedirs('lower/d'); put('lower/d/large', 'L' * 2000000); put('lower/d/small', 'S' * 100)
      `);
    },
  }, async (u) => {
    expect(await act(u, `
      def append(path, text):
          with open(path, 'a') as file: file.write(text)
      result([error(append, 'd/large', 'x'), error(os.chmod, 'd/large', 0o600), error(os.rename, 'd/large', 'n'), error(os.truncate, 'd/large', 1900000),
              get('d/large') == 'L' * 2000000, os.stat('d/large').st_mode & 0o777, names(), names('d'), names(upper + '/.wh..wh.orph')])
    `)).toEqual(['ENOSPC', 'ENOSPC', 'ENOSPC', 'ENOSPC', true, 0o644, ['d'], ['large', 'small'], []]);
    expect(await act(u, `
      append = lambda path, text: put(path, text, 'a')
      append('d/small', 'x'); os.rename('d/small', 'd/s'); os.truncate('d/large', 1000); os.mkdir('e'); os.unlink('d/large')
      result([get('d/s')[-2:], names('d'), names(), error(put, 'full', 'x' * 1000000)])
    `)).toEqual(['Sx', ['s'], ['d', 'e'], 'ENOSPC']);
    await act(u, "os.unlink('full'); result(None)");
    expect(hidden(u.on('upper'))).toEqual([]);
  }));

  test('a branch without inodes', () => mounted({
    fill: async (root) => {
      await succeed('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=12,mode=755', 'tsaufs-test', path.join(root, 'upper')]);
      await prepare(root, "os.makedirs('lower/d/e'); [put('lower/d/%d' % i, 'x') for i in range(10)]");
    },
  }, async (u) => {
    expect(await act(u, `
      made = 0
      while error(put, 'n%d' % made, '') is None: made += 1
      os.unlink('n0'); os.unlink('n1')
      # The kernel gives them back a moment later.
      while os.statvfs(upper).f_ffree < 2: pass
      tried = [error(os.chmod, 'd/%d' % i, 0o600) for i in range(4)] + [error(os.rename, 'd/5', 'd/x')] + [error(os.mkdir, 'd/e/n')]
      result([made, tried, names('d'), oct(os.stat('d/0').st_mode), oct(os.stat('d/3').st_mode), get('d/5'), names('d/e')])
    `)).toEqual([
      expect.any(Number), [null, 'ENOSPC', 'ENOSPC', 'ENOSPC', 'ENOSPC', 'ENOSPC'],
      [...Array.from({ length: 10 }, (_, i) => String(i)), 'e'], '0o100600', '0o100644', 'x', [],
    ]);
    expect(hidden(u.on('upper'))).toEqual([]);
  }));

  test('a branch directory that is removed: errors, and the unmount works', () => mounted({
    fill: (root) => prepare(root, "os.makedirs('lower/d'); put('lower/d/f', 'x'); put('upper/u', 'x')"),
  }, async (u) => {
    await act(u, "open('d/f').close(); names('d'); result(None)");
    rmSync(u.on('upper'), { recursive: true });
    rmSync(u.on('lower'), { recursive: true });
    const errors = await act<(string | null)[]>(u, "result([error(put, 'n', ''), error(os.mkdir, 'm'), error(get, 'd/f'), error(os.unlink, 'u'), error(os.rename, 'd', 'e')])");
    for (const error of errors) expect(['ENOENT', 'ESTALE', 'EIO']).toContain(error);
    await u.unmount();
    mkdirSync(u.on('upper'));
    mkdirSync(u.on('lower'));
  }));

  test('a branch that is a FUSE file system whose daemon dies', () => temporary(memory, undefined, async (root) => {
    mkdirSync(path.join(root, 'inner'));
    mkdirSync(path.join(root, 'inner/lower'));
    writeFileSync(path.join(root, 'inner/lower/f'), 'x');
    await mountedIn(path.join(root, 'inner'), {}, async (inner) => {
      const branches = [['upper', 'rw'], ['inner/mnt', 'ro']] as const;
      await mountedIn(root, { branches }, async (u) => {
        expect(await act(u, "result([get('f'), names()])")).toEqual(['x', ['f']]);
        await killDaemon(inner);
        const errors = await act<string[]>(u, "result([error(get, 'f'), error(os.chmod, 'f', 0o600), error(names), error(put, 'n', '')])");
        for (const error of errors) expect(error).toMatch(/^E(NOTCONN|CONNABORTED|IO|STALE)$/);
        await u.unmount();
      });
    });
  }));

  test('no descriptors left: an error for whoever asks for more, and the mount goes on', () => mounted({
    fill: (root) => prepare(root, "[put('lower/%d' % i, 'x') for i in range(200)]; [os.makedirs('lower/d%d/e' % i) for i in range(100)]"),
  }, async (u) => {
    const used = readdirSync(`/proc/${u.daemon.pid}/fd`).length;
    await succeed('prlimit', ['--pid', String(u.daemon.pid), `--nofile=${String(used + 40)}:${String(used + 40)}`]);
    const [opened, failures, later] = await act<[number, string[], unknown]>(u, `
      files, failures = [], set()
      for i in range(200):
          try: files.append(open('%d' % i))
          except OSError as e: failures.add(errno.errorcode[e.errno])
      for i in range(100):
          for call in (lambda: names('d%d' % i), lambda: os.mkdir('d%d/e/n' % i), lambda: put('d%d/n' % i, 'x'), lambda: os.chmod('%d' % i, 0o600)):
              try: call()
              except OSError as e: failures.add(errno.errorcode[e.errno])
      opened = len(files)
      for file in files: file.close()
      put('n', 'after'); os.rename('0', 'd0/moved'); os.mkdir('m')
      result([opened, sorted(failures), [get('n'), get('d0/moved'), error(get, '0'), 'm' in names()]])
    `);
    expect(opened).toBeGreaterThan(5);
    expect(opened).toBeLessThan(200);
    for (const failure of failures) expect(['EMFILE', 'ENFILE']).toContain(failure);
    expect(later).toEqual(['after', 'x', 'ENOENT', true]);
    expect(await succeed(process.execPath, [program, 'list'])).toContain(u.mnt);
  }));
});
