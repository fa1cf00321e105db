// What the addon and libfuse 2 get wrong by themselves, seen through a mount.
import { describe, expect, test } from 'vitest';
import { findPackage } from '../../../src/fuse/native/addon.js';
import { act, prepare } from '../../helpers/actor.js';
import { isMounted, memory, temporary, useMounted } from '../../helpers/mounted.js';
import { because, noRootMount, program, succeed } from '../../helpers/process.js';

const reason = noRootMount() ?? (findPackage() === undefined ? 'the package fuse-native is not installed' : undefined);

/** A mount by fuse-native of upper over lower, in which a script runs. */
async function outcome(fill: string, script: string): Promise<unknown> {
  let result: unknown;
  await temporary(memory, undefined, async (root) => {
    await prepare(root, `for name in ['upper', 'lower', 'mnt']: os.mkdir(name)\n${fill}`);
    await succeed(process.execPath, [program, 'mount', '--adapter', 'fuse-native', '-o', `br=${root}/upper:${root}/lower=ro`, `${root}/mnt`]);
    expect(isMounted(`${root}/mnt`)).toBe(true);
    await useMounted(root, async (union) => void (result = await act(union, script)));
  });
  return result;
}

describe.skipIf(reason !== undefined)(`through libfuse 2${because(reason)}`, () => {
  test('what is appended through one name of a file goes behind what came through another', async () => {
    expect(await outcome('', `
      put('a', 'one.'); os.link('a', 'b')
      a = os.open('a', os.O_WRONLY | os.O_APPEND); b = os.open('b', os.O_WRONLY | os.O_APPEND)
      for i in range(3): os.write(a, b'a%d.' % i); os.write(b, b'b%d.' % i)
      put(upper + '/a', 'direct.', 'a')
      os.write(a, b'end')
      result(get(upper + '/b'))
    `)).toBe('one.a0.b0.a1.b1.a2.b2.direct.end');
  });

  test('access and modification time are two', async () => {
    expect(await outcome("put('lower/f', 'x')", `
      os.utime('f', ns=(1000000000 * 10**9 + 5 * 10**6, 1500000000 * 10**9 + 7 * 10**6))
      st = os.stat(upper + '/f')
      result([st.st_atime_ns, st.st_mtime_ns, os.stat('f').st_mtime_ns == st.st_mtime_ns])
    `)).toEqual([1_000_000_000_005_000_000, 1_500_000_000_007_000_000, true]);
  });

  test('extended attributes: empty, asked for their size, and in too small a buffer', async () => {
    expect(await outcome("put('lower/f', 'x')", `
      os.setxattr('f', 'user.empty', b''); os.setxattr('f', 'user.long', b'v' * 3000)
      small = ctypes.create_string_buffer(10)
      def raw(size):
          got = libc.getxattr(b'f', b'user.long', small if size else None, size)
          return errno.errorcode[ctypes.get_errno()] if got < 0 else got
      listing = libc.listxattr(b'f', small, 10)
      result([os.getxattr('f', 'user.empty').decode(), raw(0), raw(10), listing, errno.errorcode[ctypes.get_errno()],
              len(os.getxattr('f', 'user.long')), sorted(os.listxattr('f')), error(os.getxattr, 'f', 'user.none')])
    `)).toEqual(['', 3000, 'ERANGE', -1, 'ERANGE', 3000, ['user.empty', 'user.long'], 'ENODATA']);
  });

  test('a file that is removed while it is open has no name, also not libfuse\'s', async () => {
    expect(await outcome("os.mkdir('lower/d'); put('lower/d/low', 'low')", `
      put('d/new', 'new')
      low, new = os.open('d/low', os.O_RDWR), os.open('d/new', os.O_RDWR)
      os.unlink('d/low'); os.unlink('d/new')
      seen = [names('d'), sorted(os.listdir(upper + '/d'))]
      os.write(new, b'NEW')
      result(seen + [os.pread(low, 9, 0).decode(), os.pread(new, 9, 0).decode(), names()])
    `)).toEqual([[], ['.wh.low'], 'low', 'NEW', ['d']]);
  });

  test('a large copy-up is made beside other requests', async () => {
    expect(await outcome("put('lower/big', 'x' * (64 << 20)); put('lower/small', 's')", `
      pid = os.fork()
      if pid == 0:
          with open('big', 'r+b') as file: file.write(b'Y')
          os._exit(0)
      looks = 0
      while os.waitpid(pid, os.WNOHANG)[0] == 0: get('small'); looks += 1
      with open('big', 'rb') as file: start = file.read(3).decode()
      result([start, os.stat('big').st_size, os.stat(upper + '/big').st_size, looks > 0])
    `)).toEqual(['Yxx', 64 << 20, 64 << 20, true]);
  });
});
