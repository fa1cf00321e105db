// Directories renamed together with what lower branches hold of them.
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { mounted, mountedIn, temporary, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, program, pythonProgram, shell, succeed } from '../helpers/process.js';

const tree = `
os.makedirs('lower/tree/sub/deep'); os.makedirs('lower/other')
put('lower/tree/file', 'file'); put('lower/tree/sub/deep/bottom', 'bottom'); put('lower/other/x', 'x')
`;
const options = 'dirren';

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`dirren, as ${who}${because(reason)}`, () => {
    const fill = (root: string): Promise<void> => prepare(root, tree, as);

    test('without it rename(2) says EXDEV, and mv(1) copies', () => mounted({ as, base, fill }, async (u) => {
      expect(await act(u, "result(error(os.rename, 'tree', 'moved'))", as)).toBe('EXDEV');
      await succeed('mv', ['tree', 'moved'], { cwd: u.mnt, as });
      expect(await act(u, "result([names(), get('moved/sub/deep/bottom'), get(upper + '/moved/file')])", as)).toEqual([['moved', 'other'], 'bottom', 'file']);
    }));

    test('mv(1) of a lower tree copies nothing, and holds over mounts', () => temporary(base, as, async (root) => {
      await mountedIn(root, { as, options, fill }, async (u) => {
        const before = await act(u, "result([os.stat(p).st_ino for p in ['tree', 'tree/file', 'tree/sub/deep/bottom']])", as);
        await succeed('mv', ['tree', 'other/moved'], { cwd: u.mnt, as });
        await succeed('mv', ['other/moved/sub', 'sub'], { cwd: u.mnt, as });
        expect(await act(u, `
          os.mkdir('tree'); put('tree/new', 'new')
          put('sub/deep/bottom', '!', 'a')
          result([os.stat(p).st_ino for p in ['other/moved', 'other/moved/file', 'sub/deep/bottom']])
        `, as)).toEqual(before);
        expect(await act(u, "result([os.path.exists(upper + '/other/moved/file'), names('tree')])", as)).toEqual([false, ['new']]);
      });
      const see = "result([names(), names('tree'), names('other/moved'), get('other/moved/file'), names('sub'), get('sub/deep/bottom')])";
      const all = [['other', 'sub', 'tree'], ['new'], ['file'], 'file', ['deep'], 'bottom!'];
      await mountedIn(root, { as, options }, async (u) => expect(await act(u, see, as)).toEqual(all));
      await mountedIn(root, { as }, async (u) => {
        // AUFS ignores its records, too: what lies on the upper branch is what there is.
        expect(await act(u, "result([names('other/moved'), names('sub/deep')])", as)).toEqual([[], ['bottom']]);
      });
      await mountedIn(root, { as, options }, async (u) => {
        expect(await act(u, see, as)).toEqual(all);
        await act(u, "os.unlink('other/moved/file'); os.rmdir('other/moved'); os.rename('sub', 'other/moved'); result(0)", as);
        expect(await act(u, "result([names(), names('other/moved'), error(os.rename, 'other', 'tree')])", as)).toEqual([['other', 'tree'], ['deep'], 'ENOTEMPTY']);
      });
      await mountedIn(root, { as, options, branches: [['upper', 'rw'], ['between', 'rw'], ['lower', 'ro']] }, async (u) => {
        await succeed(process.execPath, [program, 'remount', '-o', `nodirren`, u.mnt], { as, env: { XDG_RUNTIME_DIR: root } });
        expect(await act(u, "result(names('other/moved/deep'))", as)).toEqual(['bottom']);
        await succeed(process.execPath, [program, 'remount', '-o', `dirren,del=${root}/between`, u.mnt], { as, env: { XDG_RUNTIME_DIR: root } });
        expect(await act(u, "os.rename('other', 'o'); result([names('o/moved/deep'), names('o'), get('o/x')])", as)).toEqual([['bottom'], ['moved', 'x'], 'x']);
      });
    }));

    test('a process that works in it goes on', () => mounted({ as, base, options, fill }, async (u) => {
      expect(await act(u, `
        os.chdir('tree/sub')
        directory = os.open('.', os.O_RDONLY); file = os.open('deep/bottom', os.O_RDWR)
        os.rename(mnt + '/tree', mnt + '/moved'); os.rename(mnt + '/moved/sub', mnt + '/other/sub')
        os.write(file, b'BOT'); put('new', 'new')
        result([os.getcwd() == mnt + '/other/sub', names(), os.listdir(directory), get(mnt + '/other/sub/deep/bottom'), get(lower + '/tree/sub/deep/bottom')])
      `, as)).toEqual([true, ['deep', 'new'], expect.arrayContaining(['deep', 'new']), 'BOTtom', 'bottom']);
    }));
  });
}

describe.skipIf(noRootMount() !== undefined)('dirren, the process killed', () => {
  /** What is renamed without end. One of the two is always there, with all that is in it. */
  const forever = `
import os, sys
os.chdir(sys.argv[1]); os.mkdir('elsewhere')
print('begun', flush=True)
while True:
    os.rename('tree', 'elsewhere/tree'); os.rename('elsewhere/tree', 'tree')
    os.rename('tree/sub', 'sub'); os.rename('sub', 'tree/sub')
`;

  test.each([1, 2, 3, 4, 5])('while directories are renamed: nothing is lost (%i)', (round) => temporary('/var/tmp', undefined, async (root) => {
    const kill = async (u: Mounted): Promise<void> => {
      const renamer = spawn(pythonProgram, ['-c', forever, u.mnt], { stdio: ['ignore', 'pipe', 'ignore'] });
      const ended = once(renamer, 'exit');
      try {
        await once(renamer.stdout, 'data');
        await new Promise((resolve) => setTimeout(resolve, 37 * round));
        process.kill(u.daemon.pid, 'SIGKILL');
        await ended;
      } finally {
        renamer.kill('SIGKILL');
      }
    };
    await mountedIn(root, { options, fill: (at) => prepare(at, tree) }, kill);
    await mountedIn(root, { options }, async (u) => {
      const found = await shell('find . -type f | sort', { cwd: u.mnt });
      const places = [/^\.\/elsewhere\/tree\/file$/m, /^\.\/tree\/file$/m].filter((place) => place.test(found));
      expect([places.length, found.match(/bottom/g)?.length, found.trim().split('\n').length], found).toEqual([1, 1, 3]);
    });
  }));
});
