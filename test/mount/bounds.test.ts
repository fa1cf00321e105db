// Memory and descriptors of a mount stay within bounds, whatever is looked up, made, opened and mapped.
import { readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ListedMount, MountNumbers } from '../../src/daemon/list.js';
import { act, prepare, variants } from '../helpers/actor.js';
import { disk, memory, mounted, mountedIn, temporary, useMounted, type Mounted } from '../helpers/mounted.js';
import { because, nobody, noRootMount, noUserMount, program, run, shell, succeed } from '../helpers/process.js';

async function numbersOf({ mnt }: Mounted, ...more: string[]): Promise<MountNumbers> {
  const mounts = JSON.parse(await succeed(process.execPath, [program, 'list', '-v', '--json', ...more])) as (ListedMount & { numbers: MountNumbers })[];
  return mounts.find((mount) => mount.mountpoint === mnt)!.numbers;
}

/** What the daemon has open on branches, leaving out the descriptors that Node itself needs now and then. */
function filesOpenIn({ daemon, root }: Mounted): string[] {
  const open = readdirSync(`/proc/${daemon.pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${daemon.pid}/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return open.filter((name) => name.startsWith(root)).sort();
}

const noMount = noRootMount();

describe.skipIf(noMount !== undefined)(`memory and descriptors${because(noMount)}`, () => {
  const fill = (root: string) => prepare(root, `
    for d in range(20):
        os.mkdir('lower/d%d' % d)
        for n in range(1000): os.mknod('lower/d%d/some file %d' % (d, n), 0o644)
  `);

  test('20,000 inodes looked up and forgotten leave them as they were', () =>
    mounted({ fill }, async (u) => {
      // Once before, for what is made once.
      const walk = (): Promise<unknown> => act(u, "result(sum(os.stat(os.path.join(d, n)).st_size for d, _, all in os.walk('.') for n in all))");
      // Makes the kernel forget what nobody uses, of this mount alone.
      const forget = (): Promise<unknown> => shell(`mount -i -o remount ${u.mnt}`);
      await walk();
      await forget();
      const before = await numbersOf(u, '--gc');
      const openBefore = filesOpenIn(u);
      await walk();
      await forget();
      const after = await numbersOf(u, '--gc');
      expect(after.requests - before.requests).toBeGreaterThan(1000);
      expect([before.inodes, after.inodes, filesOpenIn(u)]).toEqual([1, 1, openBefore]);
      // 20,000 of them would be 6 MB.
      expect(after.heap - before.heap).toBeLessThan(1_000_000);
      // By itself, too, a little later.
      await walk();
      await forget();
      while ((await numbersOf(u)).heap - before.heap > 2_000_000) await setTimeout(200);
    }), 60_000);

  test('10,000 rounds of mkdir and rmdir leave no descriptor and no inode', () =>
    mounted({ fill: (root) => prepare(root, "os.mkdir('lower/d')") }, async (u) => {
      const rounds = (count: number): Promise<unknown> => act(u, `
        for n in range(${count}): os.mkdir('d/x'); os.rmdir('d/x')
        result(names('d'))
      `);
      expect(await rounds(10)).toEqual([]);
      const open = filesOpenIn(u);
      const { inodes } = await numbersOf(u);
      expect(await rounds(10_000)).toEqual([]);
      expect([filesOpenIn(u), (await numbersOf(u)).inodes]).toEqual([open, inodes]);
    }), 60_000);
});

/**
 * As many files as a limit of 400 leaves. With passthrough a mapping is of the branch's file, and takes nothing of ours:
 * there they are kept open.
 */
const mapping = (keepOpen: boolean): string => `
  libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
  maps, opened, refused = [], [], None
  os.mkdir('d')
  while len(maps) < 600 and refused is None:
      fd = error(os.open, 'd/%d' % len(maps), os.O_RDWR | os.O_CREAT)
      if isinstance(fd, str): refused = fd; break
      os.ftruncate(fd, 4096)
      maps.append(libc.mmap(None, 4096, 3, 1, fd, 0))
      if ${keepOpen ? 'True' : 'False'}: opened.append(fd)
      else: os.close(fd)
      ctypes.memmove(maps[-1], b'%04d' % len(maps), 4)
  count = len(maps)
  # Refused before anything was done: not made, not emptied; and all that needs no open file goes on.
  made, emptied = os.path.exists('d/%d' % count), (error(os.open, 'd/0', os.O_WRONLY | os.O_TRUNC), os.stat('d/0').st_size)
  os.mkdir('e'); os.rename('e', 'g'); os.symlink('x', 'g/s'); os.chmod('low', 0o600)
  others = [names(), names('g'), os.readlink('g/s'), oct(os.stat('low').st_mode & 0o777), error(os.open, 'low', os.O_RDONLY)]
  for each in maps: libc.munmap(ctypes.c_void_p(each), 4096)
  for each in opened: os.close(each)
  while True:
      # RELEASE comes a little later.
      last = error(get, 'd/%d' % (count - 1))
      if last != 'ENFILE': break
  result([count > 200, refused, made, emptied, others, get('d/0')[0:4], last[0:4] == '%04d' % count, get('low')])
`;

const limited = [
  { who: 'root', as: undefined, base: memory, reason: noMount, step: ['setpriv', '--bounding-set', '-sys_resource'] },
  { who: 'an ordinary user', as: nobody, base: disk, reason: noUserMount(), step: [] },
];

for (const { who, as, base, reason, step } of limited) {
  test.skipIf(reason !== undefined)(`as ${who}, files that stay ${as ? 'mapped' : 'open'} use up the descriptors: the next is refused, and the mount serves on${because(reason)}`, () =>
    temporary(base, as, async (root) => {
      const limitedMount = { as, prefix: ['prlimit', '--nofile=400:400', ...step], fill: () => prepare(root, "put('lower/low', 'lower')", as) };
      await mountedIn(root, limitedMount, async (u) => {
        expect(await act(u, mapping(as === undefined), as)).toEqual([
          true, 'ENFILE', false, ['ENFILE', 4096], [['d', 'g', 'low'], ['s'], 'x', '0o600', 'ENFILE'], '0001', true, 'lower',
        ]);
      });
    }));
}

for (const { who, as, base, reason } of variants) {
  test.skipIf(reason !== undefined)(`as ${who}, hard-linked names agree at once, also across branches${because(reason)}`, () =>
    mounted({ as, base, fill: (root) => prepare(root, "os.makedirs('lower/d'); put('lower/a', 'old'); os.link('lower/a', 'lower/d/b')", as) }, async (u) => {
      expect(await act(u, `
        put('own', 'own'); os.link('own', 'd/own2')
        seen = []
        for one, other in (('a', 'd/b'), ('own', 'd/own2')):
            reader = os.open(one, os.O_RDONLY)
            def look(): seen.append([os.stat(one).st_size, os.stat(other).st_size, get(one), get(other), os.pread(reader, 99, 0).decode(), os.stat(one).st_ino == os.stat(other).st_ino])
            os.stat(one); get(one); os.stat(other); get(other)
            put(other, ' longer', 'a'); look()
            put(one, 'short'); look()
            os.truncate(other, 2); look()
            with open(one, 'r+b') as file, mmap.mmap(file.fileno(), 2) as memory: memory[0:2] = b'MM'
            look()
            os.unlink(one); put(other, '!', 'a')
            seen.append([get(other), os.pread(reader, 99, 0).decode(), os.stat(other).st_nlink])
        result(seen)
      `, as)).toEqual(['old', 'own'].flatMap((first) => [
        [10, 10, `${first} longer`, `${first} longer`, `${first} longer`, true],
        [5, 5, 'short', 'short', 'short', true], [2, 2, 'sh', 'sh', 'sh', true], [2, 2, 'MM', 'MM', 'MM', true],
        ['MM!', 'MM!', 1],
      ]));
    }));
}

/** A writable branch that has room for AUFS's own directories, and no more. */
async function withFullBranch(use: (u: Mounted) => Promise<void>): Promise<void> {
  await temporary(memory, undefined, async (root) => {
    await shell(`mkdir ${root}/upper && mount -t tmpfs -o nr_inodes=6 none ${root}/upper`);
    await mountedIn(root, { fill: () => prepare(root, "os.makedirs('lower/d/e'); put('lower/d/e/f', 'content')") }, async (u) => {
      await shell(`cd ${u.on('upper')}; for n in 1 2 3 4 5 6 7 8; do touch $n 2>/dev/null || break; done; ! touch x 2>/dev/null`);
      await use(u);
    });
  });
}

test.skipIf(noMount !== undefined)(`where a parent cannot be copied up nothing is written below${because(noMount)}`, () =>
  withFullBranch(async (u) => {
    expect(await act(u, `
      def write(flags):
          fd = os.open('d/e/f', flags)
          try: return os.pwrite(fd, b'X', 0)
          finally: os.close(fd)
      def mapped():
          with open('d/e/f', 'r+b') as file, mmap.mmap(file.fileno(), 7) as memory:
              memory[0:1] = b'X'
              memory.flush()
      errors = [error(write, os.O_RDWR), error(write, os.O_RDWR | os.O_TRUNC), error(os.chmod, 'd/e/f', 0), error(os.truncate, 'd/e/f', 0),
          error(os.unlink, 'd/e/f'), error(os.rename, 'd/e/f', 'd/e/g'), error(os.link, 'd/e/f', 'd/e/h'), error(os.mkdir, 'd/e/x'), error(os.utime, 'd/e/f')]
      result([errors, get(lower + '/d/e/f'), oct(os.stat(lower + '/d/e/f').st_mode & 0o777), names('d/e'), names(lower + '/d/e'), os.path.exists(upper + '/d'),
          error(mapped), get(lower + '/d/e/f')])
    `)).toEqual([new Array(9).fill('ENOSPC'), 'content', '0o644', ['f'], ['f'], false, 'ENOSPC', 'content']);
  }));

describe.skipIf(noMount !== undefined)(`a union and its branches over one another${because(noMount)}`, () => {
  const use = "[os.mkdir('new'), put('new/f', 'new'), put('low', ' more', 'a'), os.rename('new/f', 'g'), os.rmdir('new')]";

  test('a branch below the mount point', () =>
    temporary(memory, undefined, async (root) => {
      const options = `br=${root}/mnt/branch=rw:${root}/lower=ro`;
      await prepare(root, "os.makedirs('mnt/branch'); os.mkdir('lower'); put('lower/low', 'low')");
      await succeed(process.execPath, [program, 'mount', '-o', options, path.join(root, 'mnt')], { timeout: 60_000 });
      await useMounted(root, async (u) => {
        expect(await act(u, `${use}\nresult([names(), get('low'), get('g')])`)).toEqual([['g', 'low'], 'low more', 'new']);
        await u.unmount();
        expect(await act(u, "result([names('branch'), get('branch/low')])")).toEqual([['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk', 'g', 'low'], 'low more']);
      });
    }));

  test.each(['upper', 'lower'])('the union bound over its branch %s', (branch) =>
    mounted({ fill: (root) => prepare(root, "put('lower/low', 'low')") }, async (u) => {
      await shell(`mount --bind ${u.mnt} ${u.on(branch)}`);
      try {
        expect(await act(u, `${use}\nresult([names(), get('low'), get(root + '/${branch}/g')])`)).toEqual([['g', 'low'], 'low more', 'new']);
      } finally {
        await shell(`umount ${u.on(branch)}`);
      }
      expect(await act(u, "result([get(lower + '/low'), get(upper + '/low')])")).toEqual(['low', 'low more']);
    }));

  test('an xino file in the union itself is refused', () =>
    mounted({}, async (u) => {
      const { status, stderr } = await run(process.execPath, [program, 'remount', '-o', `xino=${u.at('x')}`, u.mnt], { timeout: 60_000 });
      expect([status, stderr]).toEqual([1, `tsaufs: xino file ${u.mnt} lies in the union itself; choose one outside ${u.mnt}\n`]);
    }));
});
