// Names and directories.
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because, succeed } from '../helpers/process.js';

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`names, as ${who}${because(reason)}`, () => {
    const union = (fill: string, use: (union: Mounted) => Promise<void>) =>
      mounted({ as, base, fill: (root) => prepare(root, fill, as) }, use);

    test('names that are not UTF-8 or hold odd characters', () =>
      union("put(b'lower/\\xff\\xfe low', 'low'); os.mkdir(b'lower/\\xe9t\\xe9')", async (u) => {
        expect(await act(u, `
          odd = [b'\\x80', b'a\\nb', b'-rf', b'*', b' ', b'\\xf0\\x9f\\x98\\x80', b'caf\\xc3\\xa9', bytes(c for c in range(1, 256) if c != 47)[:240]]
          for name in odd: put(name, name.hex())
          os.rename(b'\\xff\\xfe low', b'\\xe9t\\xe9/\\xfd')
          os.symlink(b'\\xe9t\\xe9/\\xfd', b'link\\xfa')
          here = set(os.listdir(b'.'))
          result([all(get(n) == n.hex() for n in odd), here == set(odd) | {b'\\xe9t\\xe9', b'link\\xfa'}, get(b'link\\xfa'),
                  os.listdir(b'\\xe9t\\xe9')[0].hex(), os.path.exists(upper.encode() + b'/.wh.\\xff\\xfe low')])
        `, as)).toEqual([true, true, 'low', 'fd', true]);
      }));

    test('hard links are one inode, whichever branch they began on', () =>
      union("put('lower/a', 'a'); os.link('lower/a', 'lower/b')", async (u) => {
        expect(await act(u, `
          same = lambda *paths: len({os.stat(p).st_ino for p in paths}) == 1
          before = [same('a', 'b'), os.stat('a').st_nlink]
          os.link('a', 'c')
          put('c', '!', 'a')
          put('new', 'n'); os.link('new', 'new2'); os.unlink('new')
          result(before + [same('a', 'b', 'c'), [get(p) for p in 'abc'], get('new2'), os.stat('new2').st_nlink, get(lower + '/a')])
        `, as)).toEqual([true, 2, true, ['a!', 'a!', 'a!'], 'n', 1, 'a']);
      }));

    test('symlinks that loop, dangle, or point out of the union', () =>
      union("os.symlink('b', 'lower/a'); os.symlink('a', 'lower/b'); put('out', 'outside'); os.symlink('../out', 'lower/out')", async (u) => {
        expect(await act(u, `
          os.symlink('nowhere', 'dangling')
          result([error(os.stat, 'a'), error(open, 'b'), error(os.stat, 'dangling'), os.readlink('a'), get('out'),
                  error(os.open, 'out', os.O_RDONLY | os.O_NOFOLLOW), os.lstat('out').st_size])
        `, as)).toEqual(['ELOOP', 'ELOOP', 'ENOENT', 'b', 'outside', 'ELOOP', 6]);
      }));

    test('10,000 entries from two branches', () =>
      union(`
        os.mkdir('lower/d'); os.mkdir('upper/d')
        for i in range(10000): os.close(os.open('%s/d/name%05d' % ('upper' if i % 2 else 'lower', i), os.O_CREAT))
        for i in range(0, 100, 2): os.close(os.open('upper/d/name%05d' % i, os.O_CREAT))
      `, async (u) => {
        expect(await act(u, `
          expected = ['name%05d' % i for i in range(10000)]
          first = names('d') == expected and len(os.listdir('d')) == 10000
          numbers = {entry.name: entry.inode() for entry in os.scandir('d')}
          inodes = len(set(numbers.values())) == 10000 and all(os.stat('d/' + n).st_ino == numbers[n] for n in expected[::97])
          for i in range(0, 10000, 10): os.unlink('d/name%05d' % i)
          result([first, inodes, names('d') == [n for i, n in enumerate(expected) if i % 10]])
        `, as)).toEqual([true, true, true]);
      }));

    test('rm -rf of 5,000 files of both branches', () =>
      union("os.mkdir('lower/d'); [put('lower/d/f%d' % i, '') for i in range(2500)]", async (u) => {
        await act(u, "[put('d/g%d' % i, '') for i in range(2500)]; result(0)", as);
        await succeed('rm', ['-rf', 'd'], { cwd: u.mnt, as });
        expect(await act(u, "result([names(), len(names(lower + '/d'))])", as)).toEqual([[], 2500]);
      }));

    test('telldir and seekdir hold while entries are removed and added', () =>
      union("os.mkdir('lower/d'); [put('lower/d/f%03d' % i, '') for i in range(600)]", async (u) => {
        expect(await act(u, `
          class Dirent(ctypes.Structure):
              _fields_ = [('ino', ctypes.c_uint64), ('off', ctypes.c_int64), ('reclen', ctypes.c_ushort), ('type', ctypes.c_ubyte), ('name', ctypes.c_char * 256)]
          libc.opendir.restype = ctypes.c_void_p
          libc.readdir.restype = ctypes.POINTER(Dirent); libc.readdir.argtypes = [ctypes.c_void_p]
          libc.telldir.restype = ctypes.c_long; libc.telldir.argtypes = [ctypes.c_void_p]
          libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]
          directory = ctypes.c_void_p(libc.opendir(b'd'))
          def rest():
              found = []
              while entry := libc.readdir(directory): found.append(entry.contents.name.decode())
              return found
          for i in range(200): libc.readdir(directory)
          place = libc.telldir(directory)
          after = rest()
          for name in after[::2]: os.unlink('d/' + name)
          put('d/new', '')
          libc.seekdir(directory, place)
          again = rest()
          kept = [n for n in after if n not in after[::2]]
          libc.rewinddir(directory)
          whole = rest()
          result([len(after), [n for n in again if n in kept] == kept, len(again) == len(set(again)), 'new' in whole, sorted(whole) == sorted(names('d') + ['.', '..'])])
        `, as)).toEqual([402, true, true, true, true]);
      }));

    test('names that AUFS keeps for itself, and names that are too long', () =>
      union("put('lower/f', '')", async (u) => {
        expect(await act(u, `
          result([error(put, '.wh.x', ''), error(os.mkdir, '.wh..wh.y'), error(os.rename, 'f', '.wh.f'), error(put, 'n' * 242, ''),
                  error(put, 'n' * 243, ''), os.statvfs('.').f_namemax, len(names())])
        `, as)).toEqual(['EPERM', 'EPERM', 'EPERM', null, 'ENAMETOOLONG', 242, 2]);
      }));

    test('renameat2: NOREPLACE and EXCHANGE', () =>
      union("put('lower/low', 'low')", async (u) => {
        expect(await act(u, `
          def rename(old, new, flags):
              return errno.errorcode[ctypes.get_errno()] if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) else 0
          put('a', 'a'); put('b', 'b')
          outcome = [rename('a', 'b', 1), rename('a', 'low', 1), rename('a', 'c', 1), rename('b', 'c', 2)]
          result(outcome + [get('b'), get('c'), names()])
        `, as)).toEqual(['EEXIST', 'EEXIST', 0, 0, 'a', 'b', ['b', 'c', 'low']]);
      }));
  });
}
