// Many operations, and many who do them at once: the outcome is what it would be in a plain directory.
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because } from '../helpers/process.js';

/** After fsx: one file written, read, mapped, cut and punched at random, beside a plain file with the same done to it. */
const exerciser = `
  import random
  def exercise(name, seed, count, plain):
      chance, limit, page = random.Random(seed), 262144, 4096
      fd, model = os.open(name, os.O_RDWR | os.O_CREAT), os.open(plain, os.O_RDWR | os.O_CREAT)
      for n in range(count):
          what, at = chance.choice(['read', 'write', 'write', 'map', 'mapped write', 'cut', 'hole', 'reserve', 'copy', 'reopen', 'sync']), chance.randrange(limit)
          size, length = os.fstat(model).st_size, chance.randrange(1, 65536)
          if what == 'write':
              data = chance.randbytes(min(length, limit - at))
              for each in (fd, model): assert os.pwrite(each, data, at) == len(data)
          elif what == 'read': assert os.pread(fd, length, at) == os.pread(model, length, at), (n, what)
          elif what == 'cut':
              for each in (fd, model): os.ftruncate(each, at)
          elif what == 'hole' and size > 0:
              for each in (fd, model): assert libc.fallocate(each, 3, ctypes.c_long(at), ctypes.c_long(length)) == 0
          elif what == 'reserve':
              for each in (fd, model): assert libc.fallocate(each, 0, ctypes.c_long(at), ctypes.c_long(min(length, limit - at) or 1)) == 0
          elif what == 'copy' and size > 0:
              start = chance.randrange(size)
              apart = min(length, size - start, abs(at - start), limit - at)
              if apart > 0:
                  for each in (fd, model): os.copy_file_range(each, each, apart, start, at)
          elif what == 'reopen':
              os.close(fd); fd = os.open(name, os.O_RDWR)
          elif what == 'sync': os.fsync(fd)
          elif size > 0:
              start = chance.randrange(size) // page * page
              length = min(length, size - start)
              with mmap.mmap(fd, length, offset=start) as one, mmap.mmap(model, length, offset=start) as two:
                  if what == 'map': assert one[:] == two[:], (n, what)
                  else: one[:] = two[:] = chance.randbytes(length)
          if n % 50 == 0: assert os.fstat(fd).st_size == os.fstat(model).st_size, (n, what)
      same = os.pread(fd, limit * 2, 0) == os.pread(model, limit * 2, 0)
      os.close(fd); os.close(model)
      return same
`;

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`as ${who}${because(reason)}`, () => {
    const union = (fill: string, use: (union: Mounted) => Promise<void>, options = '') =>
      mounted({ as, base, options, fill: (root) => prepare(root, fill, as) }, use);
    const bytes = "open('lower/f', 'wb').write(bytes(range(256)) * 1000); import shutil; shutil.copy('lower/f', 'model')";

    test.each(['', 'dio'])('2,500 random operations on a new file and on one of the read-only branch are those of a plain file %s', (options) =>
      union(bytes, async (u) => {
        expect(await act(u, `${exerciser}
  before = get(lower + '/f')
  result([exercise('new', 1, 2500, root + '/fresh'), exercise('f', 2, 2500, root + '/model'), get(lower + '/f') == before])
`, as)).toEqual([true, true, true]);
        await u.unmount();
        expect(await act(u, "result([get(upper + '/new') == get(root + '/fresh'), get(upper + '/f') == get(root + '/model')])", as)).toEqual([true, true]);
      }, options));

    test('16 processes make, rename, remove and list names of one directory', () =>
      union("os.mkdir('lower/d')\nfor who in range(16):\n    for n in range(30): put('lower/d/old-%d-%d' % (who, n), 'x')", async (u) => {
        expect(await act(u, `
          os.chdir('d')
          def work(who):
              for n in range(60):
                  put('new-%d-%d' % (who, n), str(n))
                  assert 'new-%d-%d' % (who, n) in os.listdir()
                  if n % 3 == 0: os.rename('new-%d-%d' % (who, n), 'moved-%d-%d' % (who, n))
                  if n % 3 == 1: os.unlink('new-%d-%d' % (who, n))
                  if n < 30 and n % 2 == 0: os.unlink('old-%d-%d' % (who, n))
                  if n < 30 and n % 2 == 1: os.rename('old-%d-%d' % (who, n), 'kept-%d-%d' % (who, n))
                  # One name that all of them fight for.
                  error(os.mkdir, 'shared'); error(os.rmdir, 'shared')
          children = []
          for who in range(16):
              pid = os.fork()
              if pid == 0:
                  status = 1
                  try: work(who); status = 0
                  finally: os._exit(status)
              children.append(pid)
          statuses = [os.waitpid(pid, 0)[1] for pid in children]
          expected = sorted(['moved-%d-%d' % (who, n) for who in range(16) for n in range(0, 60, 3)]
              + ['new-%d-%d' % (who, n) for who in range(16) for n in range(2, 60, 3)]
              + ['kept-%d-%d' % (who, n) for who in range(16) for n in range(1, 30, 2)])
          error(os.rmdir, 'shared')
          result([statuses, names() == expected, len(os.listdir(lower + '/d'))])
        `, as)).toEqual([new Array(16).fill(0), true, 480]);
      }));

    test('16 writers of one file of the read-only branch copy it up once', () =>
      union("open('lower/f', 'wb').write(b'.' * 4000000)", async (u) => {
        expect(await act(u, `
          gate, go = os.pipe()
          children = []
          for who in range(16):
              pid = os.fork()
              if pid == 0:
                  os.close(go); os.read(gate, 1)
                  fd = os.open('f', os.O_RDWR)
                  os.pwrite(fd, b'%x' % who * 100, who * 100)
                  os.fsync(fd)
                  inode = os.stat(upper + '/f').st_ino
                  os._exit(0 if inode == os.stat(upper + '/f').st_ino else 1)
              children.append(pid)
          os.close(gate); os.close(go)
          made = set()
          while children:
              if os.path.exists(upper + '/f'): made.add(os.stat(upper + '/f').st_ino)
              pid, status = os.waitpid(-1, os.WNOHANG)
              if pid: children.remove(pid); assert status == 0
          made.add(os.stat(upper + '/f').st_ino)
          content = get('f')
          result([len(made), content[0:1600] == ''.join('%x' % who * 100 for who in range(16)), content[1600:] == '.' * 3998400, get(lower + '/f') == '.' * 4000000])
        `, as)).toEqual([1, true, true, true]);
      }));
  });
}
