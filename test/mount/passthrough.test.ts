// Files that the kernel reads and writes on their branch itself, beside files that are served from here: whoever has a
// file open sees the same, on whichever branch it began, and whoever is served by whom.
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because } from '../helpers/process.js';

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`reads and writes, as ${who}${because(reason)}`, () => {
    const union = (fill: string, use: (union: Mounted) => Promise<void>) =>
      mounted({ as, base, fill: (root: string) => prepare(root, fill, as) }, use);

    test('a file of the writable branch: written, appended, mapped, cut, read through every descriptor', () =>
      union('pass', async (u) => {
        expect(await act(u, `
          import mmap
          put('f', 'x' * 5000)
          reader, writer, appender = os.open('f', os.O_RDONLY), os.open('f', os.O_RDWR), os.open('f', os.O_WRONLY | os.O_APPEND)
          os.pwrite(writer, b'first', 0)
          os.write(appender, b'last')
          seen = [os.pread(reader, 5, 0).decode(), os.pread(reader, 9, 5000).decode(), os.fstat(reader).st_size]
          with mmap.mmap(writer, 5004) as m:
            m[5:7] = b'MM'
            m.flush()
            seen += [os.pread(reader, 8, 0).decode(), get(upper + '/f')[:8]]
          os.ftruncate(writer, 3)
          seen += [os.pread(reader, 9, 0).decode(), os.stat('f').st_size, get('f')]
          result(seen)
        `, as)).toEqual(['first', 'last', 5004, 'firstMMx', 'firstMMx', 'fir', 3, 'fir']);
      }));

    test('opened below, copied up, and opened again while the first descriptor is still there', () =>
      union("put('lower/f', 'below')", async (u) => {
        expect(await act(u, `
          early = os.open('f', os.O_RDONLY)
          seen = [os.pread(early, 9, 0).decode()]
          put('f', 'above')
          late, writer = os.open('f', os.O_RDONLY), os.open('f', os.O_WRONLY)
          os.pwrite(writer, b'A', 0)
          seen += [os.pread(early, 9, 0).decode(), os.pread(late, 9, 0).decode()]
          for fd in early, late, writer: os.close(fd)
          # Now nobody has it open, and the kernel may go to the branch itself; what it had cached is old afterwards.
          put('f', 'third')
          seen.append(get('f'))
          seen.append(get(lower + '/f'))
          result(seen)
        `, as)).toEqual(['below', 'Above', 'Above', 'third', 'below']);
      }));

    test('pages cached of a served file do not come up again after it was written past them', () =>
      union("put('lower/f', 'below')", async (u) => {
        expect(await act(u, `
          early = os.open('f', os.O_RDONLY)
          put('f', 'second')
          seen = [os.pread(early, 9, 0).decode()]
          os.close(early)
          writer = os.open('f', os.O_RDWR)
          os.pwrite(writer, b'THIRD!', 0)
          os.close(writer)
          os.chmod('f', 0o600)
          again = os.open('f', os.O_RDONLY)
          seen.append(os.pread(again, 9, 0).decode())
          result(seen)
        `, as)).toEqual(['second', 'THIRD!']);
      }));

    test('changed directly on the branch while it is open', () =>
      union("put('upper/f', 'before')", async (u) => {
        expect(await act(u, `
          reader = os.open('f', os.O_RDONLY)
          seen = [os.pread(reader, 99, 0).decode(), os.fstat(reader).st_size]
          put(upper + '/f', ' and after', 'a')
          for _ in range(500):
            if os.fstat(reader).st_size == 16: break
            time.sleep(0.01)
          result(seen + [os.pread(reader, 99, 0).decode(), os.fstat(reader).st_size])
        `, as)).toEqual(['before', 6, 'before and after', 16]);
      }));

    test('a directory listed twice, with changes of every origin in between', () =>
      union("os.makedirs('lower/d'); os.makedirs('upper/d'); put('lower/d/low', ''); put('upper/d/up', '')", async (u) => {
        expect(await act(u, `
          def twice():
            first, second = sorted(os.listdir('d')), sorted(os.listdir('d'))
            return first if first == second else [first, second]
          def until(wanted):
            for _ in range(500):
              if twice() == wanted: return wanted
              time.sleep(0.01)
            return twice()
          seen = [twice()]
          put('d/new', '')
          seen.append(twice())
          os.unlink('d/low')
          seen.append(twice())
          os.rename('d/new', 'd/moved')
          seen.append(twice())
          put(upper + '/d/direct', '')
          seen.append(until(['direct', 'moved', 'up']))
          os.unlink(upper + '/d/up')
          seen.append(until(['direct', 'moved']))
          result(seen)
        `, as)).toEqual([
          ['low', 'up'], ['low', 'new', 'up'], ['new', 'up'], ['moved', 'up'], ['direct', 'moved', 'up'], ['direct', 'moved'],
        ]);
      }));

    test('names made and removed in one directory, by us and directly, over and over', () =>
      union("os.makedirs('lower/d'); os.makedirs('upper/d'); put('lower/d/low', ''); put('upper/d/up', '')", async (u) => {
        expect(await act(u, `
          wrong = []
          for i in range(200):
            name = 'd/n%d' % (i % 7)
            there = os.path.exists(name)
            way = i % 5
            if way == 0 and not there: put(name, '')
            elif way == 1 and there: os.unlink(name)
            elif way == 2 and not there: put(upper + '/' + name, '')
            elif way == 3 and there: os.unlink(upper + '/' + name)
            elif way == 4: there and os.rename(name, 'd/m%d' % i)
            if way in (2, 3): time.sleep(0.02)
            try:
              fd = os.open('d/probe%d' % i, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
              os.close(fd)
              os.unlink('d/probe%d' % i)
            except OSError as e: wrong.append(str(e))
            branch = set(n for n in os.listdir(upper + '/d') if not n.startswith('.wh.')) | {'low'}
            if set(os.listdir('d')) != branch: wrong.append([i, sorted(os.listdir('d')), sorted(branch)])
            for n in range(7):
              if os.path.exists('d/n%d' % n) != os.path.exists(upper + '/d/n%d' % n): wrong.append([i, n])
          result(wrong)
        `, as)).toEqual([]);
      }));
  });

  // An ordinary user has no passthrough: there the option means nothing, and every descriptor sees the copy.
  describe.skipIf(reason !== undefined)(`passthrough=all, as ${who}${because(reason)}`, () => {
    const seesCopy = as !== undefined;
    const union = (fill: string, use: (union: Mounted) => Promise<void>) =>
      mounted({ as, base, options: 'passthrough=all', fill: (root: string) => prepare(root, fill, as) }, use);

    test('a reader of a lower file goes on with it; who opens it after the copy-up has the copy', () =>
      union("put('lower/f', 'below')", async (u) => {
        expect(await act(u, `
          reader = os.open('f', os.O_RDONLY)
          with mmap.mmap(reader, 5, prot=mmap.PROT_READ) as m: seen = [m[:5].decode()]
          writer = os.open('f', os.O_RDWR)
          os.pwrite(writer, b'B', 0)
          late = os.open('f', os.O_RDONLY)
          ino = os.stat('f').st_ino
          seen += [os.pread(fd, 9, 0).decode() for fd in (reader, writer, late)]
          seen += [get('f'), get(lower + '/f'), os.fstat(reader).st_ino == ino == os.fstat(late).st_ino]
          with mmap.mmap(writer, 5) as m:
            m[1:2] = b'E'
            m.flush()
          seen += [os.pread(late, 9, 0).decode(), get(lower + '/f')]
          for fd in reader, writer, late: os.close(fd)
          result(seen + [get('f'), os.stat('f').st_ino == ino])
        `, as)).toEqual(['below', seesCopy ? 'Below' : 'below', 'Below', 'Below', 'Below', 'below', true, 'BElow', 'below', 'BElow', true]);
      }));

    test('every other change of a lower file while it is read', () =>
      union(`
        for n in 'mode', 'cut', 'emptied', 'times', 'moved', 'linked', 'gone', 'attribute', 'byfd': put('lower/' + n, 'below')
      `, async (u) => {
        expect(await act(u, `
          names_ = ['mode', 'cut', 'emptied', 'times', 'moved', 'linked', 'gone', 'attribute', 'byfd']
          fds = {n: os.open(n, os.O_RDONLY) for n in names_}
          os.chmod('mode', 0o600)
          os.truncate('cut', 2)
          put('emptied', '')
          os.utime('times', (1, 2))
          os.rename('moved', 'elsewhere')
          os.link('linked', 'second')
          os.unlink('gone')
          os.setxattr('attribute', 'user.a', b'v')
          os.fchmod(fds['byfd'], 0o640)
          put('byfd', '+', 'a')
          put('second', '!', 'a')
          wrong = [n for n in names_ if os.pread(fds[n], 9, 0) != b'below'] if ${seesCopy ? 'False' : 'True'} else []
          mode = lambda p: oct(os.stat(p).st_mode & 0o777)
          result([wrong, mode('mode'), get('cut'), get('emptied'), os.stat('times').st_mtime, get('elsewhere'), os.path.exists('moved'),
            get('linked'), get('second'), os.path.exists('gone'), os.getxattr('attribute', 'user.a').decode(), mode('byfd'), get('byfd'),
            [get(lower + '/' + n) for n in names_].count('below'), mode(lower + '/byfd')])
        `, as)).toEqual([[], '0o600', 'be', '', 2, 'below', false, 'below!', 'below!', false, 'v', '0o640', 'below+', 9, '0o644']);
      }));
  });

  test.skipIf(reason !== undefined)(`a union in which nothing is writable, as ${who}${because(reason)}`, () =>
    mounted({ as, base, branches: [['upper', 'ro'], ['lower', 'ro']], fill: (root) => prepare(root, "put('lower/f', 'below')", as) },
      async (u) => {
        expect(await act(u, `
          fd = os.open('f', os.O_RDONLY)
          result([os.pread(fd, 9, 0).decode(), error(os.open, 'f', os.O_WRONLY), error(os.chmod, 'f', 0o600), get('f')])
        `, as)).toEqual(['below', 'EROFS', 'EROFS', 'below']);
      }));
}
