// Files that are open while something happens to them.
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because } from '../helpers/process.js';

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`open files, as ${who}${because(reason)}`, () => {
    const lower = (script: string) => (root: string) => prepare(root, script, as);
    const union = (fill: string, use: (union: Mounted) => Promise<void>) => mounted({ as, base, fill: lower(fill) }, use);

    test('unlinked on the read-only branch: still read, written, resized', () =>
      union("put('lower/f', 'content')", async (u) => {
        expect(await act(u, `
          fd = os.open('f', os.O_RDWR)
          os.unlink('f')
          before = os.pread(fd, 99, 0).decode()
          os.pwrite(fd, b'CON', 0)
          os.ftruncate(fd, 5)
          put('f', 'another')
          result([before, os.pread(fd, 99, 0).decode(), os.fstat(fd).st_nlink, os.fstat(fd).st_size, get('f'), get(lower + '/f')])
        `, as)).toEqual(['content', 'CONte', 0, 5, 'another', 'content']);
      }));

    test('unlinked on the writable branch: still read, written, resized', () =>
      union('pass', async (u) => {
        expect(await act(u, `
          put('f', 'content')
          fd = os.open('f', os.O_RDWR)
          os.unlink('f')
          os.pwrite(fd, b'CON', 0)
          os.fchmod(fd, 0o600)
          st = os.fstat(fd)
          result([os.pread(fd, 99, 0).decode(), st.st_nlink, oct(st.st_mode & 0o777), names()])
        `, as)).toEqual(['CONtent', 0, '0o600', []]);
      }));

    test('renamed, and replaced by a rename', () =>
      union("put('lower/a', 'a'); put('lower/b', 'b')", async (u) => {
        expect(await act(u, `
          a, b = os.open('a', os.O_RDWR), os.open('b', os.O_RDONLY)
          os.rename('a', 'b')
          os.pwrite(a, b'AA', 0)
          result([get('b'), os.pread(b, 9, 0).decode(), names(), get(lower + '/a'), get(lower + '/b')])
        `, as)).toEqual(['AA', 'b', ['b'], 'a', 'b']);
      }));

    test('a reader sees what another writes after the copy-up, and the inode number stays', () =>
      union("put('lower/f', 'old')", async (u) => {
        expect(await act(u, `
          reader = os.open('f', os.O_RDONLY)
          first = os.read(reader, 9).decode()
          ino = os.fstat(reader).st_ino
          put('f', ' and new', 'a')
          same = ino == os.fstat(reader).st_ino == os.stat('f').st_ino
          result([first, os.pread(reader, 99, 0).decode(), os.fstat(reader).st_size, same, get(lower + '/f')])
        `, as)).toEqual(['old', 'old and new', 11, true, 'old']);
      }));

    test('ftruncate through a descriptor of a lower file', () =>
      union("put('lower/f', 'x' * 10000)", async (u) => {
        expect(await act(u, `
          fd = os.open('f', os.O_RDWR)
          os.ftruncate(fd, 3)
          short = os.pread(fd, 99, 0).decode()
          os.ftruncate(fd, 6)
          result([short, os.pread(fd, 99, 0).decode(), os.stat('f').st_size, os.stat(lower + '/f').st_size])
        `, as)).toEqual(['xxx', 'xxx\0\0\0', 6, 10000]);
      }));

    test('mmap: shared writes reach the file and those who read it', () =>
      union("put('lower/f', 'a' * 8192)", async (u) => {
        expect(await act(u, `
          fd = os.open('f', os.O_RDWR)
          with mmap.mmap(fd, 8192) as memory:
              memory[0:3] = b'ONE'
              memory[8000:8003] = b'TWO'
              memory.flush()
              seen = get('f')
          with mmap.mmap(os.open('f', os.O_RDONLY), 8192, prot=mmap.PROT_READ) as memory:
              mapped = memory[0:4].decode()
          result([seen[0:4], seen[7999:8004], mapped, get(lower + '/f') == 'a' * 8192])
        `, as)).toEqual(['ONEa', 'aTWOa', 'ONEa', true]);
        await u.unmount();
        expect(await act(u, "result(get(upper + '/f')[8000:8003])", as)).toBe('TWO');
      }));

    test('O_TMPFILE, given a name by linkat', () =>
      union("os.mkdir('lower/d')", async (u) => {
        expect(await act(u, `
          fd = os.open('d', os.O_TMPFILE | os.O_RDWR, 0o640)
          os.write(fd, b'secret')
          hidden = names('d')
          assert libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, b'd/named', 0x400) == 0
          os.write(fd, b' more')
          st = os.stat('d/named')
          result([hidden, names('d'), get('d/named'), oct(st.st_mode & 0o777), st.st_nlink, st.st_ino == os.fstat(fd).st_ino])
        `, as)).toEqual([[], ['named'], 'secret more', '0o640', 1, true]);
      }));

    test('O_APPEND from two processes: every line is there, whole', () =>
      union("put('lower/log', '')", async (u) => {
        expect(await act(u, `
          pid = os.fork()
          who = b'child' if pid == 0 else b'parent'
          fd = os.open('log', os.O_WRONLY | os.O_APPEND)
          for i in range(300): os.write(fd, b'%s %d\\n' % (who, i))
          if pid == 0: os._exit(0)
          os.waitpid(pid, 0)
          lines = get('log').splitlines()
          result([len(lines)] + [[int(l.split()[1]) for l in lines if l.startswith(w)] == list(range(300)) for w in ('child ', 'parent ')])
        `, as)).toEqual([600, true, true]);
      }));

    test('a directory that is removed while it is open', () =>
      union("os.makedirs('lower/d/e'); put('lower/d/f', '')", async (u) => {
        expect(await act(u, `
          fd = os.open('d', os.O_RDONLY | os.O_DIRECTORY)
          os.unlink('d/f'); os.rmdir('d/e'); os.rmdir('d')
          result([error(os.listdir, fd), error(os.mkdir, 'x', dir_fd=fd), error(os.open, 'y', os.O_CREAT | os.O_WRONLY, dir_fd=fd), names()])
        `, as)).toEqual([[], 'ENOENT', 'ENOENT', []]);
      }));

    test('a working directory that is renamed', () =>
      union('pass', async (u) => {
        expect(await act(u, `
          os.mkdir('d'); os.chdir('d')
          os.rename('../d', '../e')
          put('f', 'here')
          result([os.getcwd() == mnt + '/e', get('../e/f'), names('..')])
        `, as)).toEqual([true, 'here', ['e']]);
      }));

    test('an exclusive lock is seen by another descriptor', () =>
      union("put('lower/f', '')", async (u) => {
        expect(await act(u, `
          one, two = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)
          fcntl.flock(one, fcntl.LOCK_EX)
          held = error(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
          fcntl.flock(one, fcntl.LOCK_UN)
          result([held, error(fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)])
        `, as)).toEqual(['EAGAIN', null]);
      }));
  });
}
