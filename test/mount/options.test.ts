// Mount options, the mount's events through the library, and what an unmount leaves.
import { mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import type * as Library from '../../src/index.js';
import { act, prepare, variants } from '../helpers/actor.js';
import { isMounted, memory, mounted, mountedIn, temporary } from '../helpers/mounted.js';
import { because, noRootMount, project, run, until } from '../helpers/process.js';

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`options, as ${who}${because(reason)}`, () => {
    test('ro: nothing can be changed, and the branches are not touched', () => mounted({
      as, base, options: 'ro', fill: (root) => prepare(root, "put('lower/f', 'x'); os.mkdir('lower/d')", as),
    }, async (u) => {
      expect(await act(u, `
        result([error(put, 'n', ''), error(put, 'f', ''), error(os.unlink, 'f'), error(os.rmdir, 'd'), error(os.chmod, 'f', 0),
                error(os.rename, 'f', 'g'), error(os.link, 'f', 'g'), error(os.utime, 'f'), error(os.truncate, 'f', 0),
                error(os.setxattr, 'f', 'user.a', b''), get('f'), names(upper)])
      `, as)).toEqual([...Array.from({ length: 10 }, () => 'EROFS'), 'x', []]);
    }));

    test('noexec and nosuid are in force', () => mounted({
      as, base, options: 'noexec,nosuid,nodev',
      fill: (root) => prepare(root, "put('lower/s', '#!/bin/sh\\necho ran\\n'); os.chmod('lower/s', 0o755)", as),
    }, async (u) => {
      expect((await run('./s', [], { cwd: u.mnt, as })).status).not.toBe(0);
      const flags = await act(u, 'result([os.statvfs(".").f_flag & os.ST_NOSUID != 0, os.statvfs(".").f_flag & os.ST_NOEXEC != 0, os.statvfs(".").f_flag & os.ST_NODEV != 0])', as);
      expect(flags).toEqual([true, true, true]);
    }));

    test('a program of the lower branch runs', () => mounted({
      as, base, fill: (root) => prepare(root, "put('lower/s', '#!/bin/sh\\necho ran\\n'); os.chmod('lower/s', 0o755)", as),
    }, async (u) => {
      expect(await run('./s', [], { cwd: u.mnt, as })).toEqual({ status: 0, stdout: 'ran\n', stderr: '' });
    }));

    test('mounted again, the branches show the same', () => temporary(base, as, async (root) => {
      const look = "result([names(), names('d'), get('a'), os.stat('a').st_nlink, os.stat('a').st_ino == os.stat('a2').st_ino])";
      const expected = [['a', 'a2', 'c', 'd'], [], 'a2', 2, true];
      await mountedIn(root, {
        as, fill: () => prepare(root, "put('lower/a', 'a'); put('lower/b', 'b'); os.mkdir('lower/d'); put('lower/d/x', '')", as),
      }, async (u) => {
        await act(u, "put('a', '2', 'a'); os.unlink('b'); os.unlink('d/x'); os.rmdir('d'); os.mkdir('d'); put('c', 'c'); os.link('a', 'a2'); result(0)", as);
        expect(await act(u, look, as)).toEqual(expected);
      });
      await mountedIn(root, { as }, async (u) => expect(await act(u, look, as)).toEqual(expected));
    }));
  });
}

const asRoot = noRootMount();

describe.skipIf(asRoot !== undefined)(`the end of a mount${because(asRoot)}`, () => {
  test('files that were opened, copied up, deleted and forgotten leave no descriptor in the daemon', () => mounted({
    fill: (root) => prepare(root, "os.mkdir('lower/d'); [put('lower/d/f%d' % i, 'x') for i in range(500)]"),
  }, async (u) => {
    const open = (): number => readdirSync(`/proc/${u.daemon.pid}/fd`).length;
    const before = open();
    await act(u, `
      for i in range(500):
          fd = os.open('d/f%d' % i, os.O_RDWR)
          if i % 2: os.write(fd, b'y')
          if i % 3: os.unlink('d/f%d' % i)
          os.close(fd)
      for n in names('d'): os.unlink('d/' + n)
      os.rmdir('d')
      result(0)
    `);
    await run('sh', ['-c', 'echo 2 > /proc/sys/vm/drop_caches']);
    // What stays are descriptors of directories and of the branches.
    await until(() => open() - before < 20);
    expect(deleted(u.daemon.pid)).toEqual([]);
  }));

  test('the daemon has no descriptor of a deleted file after its last user', () => mounted({}, async (u) => {
    await act(u, `
      fds = []
      for i in range(50):
          fds.append(os.open('f%d' % i, os.O_CREAT | os.O_RDWR)); os.unlink('f%d' % i)
      for fd in fds: os.close(fd)
      result(0)
    `);
    await until(() => deleted(u.daemon.pid).length === 0);
    expect(deleted(u.daemon.pid)).toEqual([]);
  }));
});

describe.skipIf(asRoot !== undefined)(`the library${because(asRoot)}`, () => {
  test('tells what happens, with paths and branches', () => temporary(memory, undefined, async (root) => {
    for (const name of ['upper', 'lower', 'mnt', 'lower/d']) mkdirSync(path.join(root, name));
    for (const name of ['f', 'g', 'd/x']) writeFileSync(path.join(root, 'lower', name), 'content');
    const { mount } = await load();
    const union = await mount({ mountpoint: path.join(root, 'mnt'), branches: [`${root}/upper`, `${root}/lower`] });
    const told: string[] = [];
    try {
      expect(union.branches.map((branch) => branch.text)).toEqual([`${root}/upper=rw`, `${root}/lower=ro`]);
      union.on('event', (event) => told.push(`${event.kind} ${event.path}`));
      const copied: number[] = [];
      union.on('copy-up', (event) => copied.push(event.bytes ?? -1));
      await succeedIn(union.mountpoint, 'echo more >> f; rm g; mkdir new; mv f renamed; rm -r d; mkdir d; touch g');
      await until(() => told.some((line) => line.startsWith('unwhiteout')));
      for (const line of ['copy-up /f', 'whiteout /g', 'mkdir /new', 'rename /renamed', 'opaque /d', 'unwhiteout /g']) {
        expect(told).toContain(line);
      }
      expect(copied[0]).toBe(7);
    } finally {
      await union.unmount();
    }
    expect(isMounted(path.join(root, 'mnt'))).toBe(false);
  }));
});

async function succeedIn(directory: string, script: string): Promise<void> {
  const outcome = await run('sh', ['-ec', script], { cwd: directory });
  expect(outcome).toMatchObject({ status: 0, stderr: '' });
}

/** The compiled library: its worker thread needs JavaScript. */
async function load(): Promise<typeof Library> {
  return await import(/* @vite-ignore */ pathToFileURL(path.join(project, 'dist/index.js')).href) as typeof Library;
}

function deleted(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return target.startsWith('/') && target.endsWith(' (deleted)') ? [target] : [];
    } catch {
      return [];
    }
  });
}
