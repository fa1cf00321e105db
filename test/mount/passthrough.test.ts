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
}
