// Kinds of files, and what they carry: owners, modes, times, extended attributes, holes.
import { describe, expect, test } from 'vitest';
import { act, prepare, variants } from '../helpers/actor.js';
import { disk, memory, mounted, type Mounted } from '../helpers/mounted.js';
import { because, missing, noRootMount, shell } from '../helpers/process.js';

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`attributes, as ${who}${because(reason)}`, () => {
    const union = (fill: string, use: (union: Mounted) => Promise<void>) =>
      mounted({ as, base, fill: (root) => prepare(root, fill, as) }, use);

    test('fifos and sockets work, on the lower branch too', () =>
      union("os.mkfifo('lower/fifo', 0o640)", async (u) => {
        expect(await act(u, `
          def through(fifo):
              reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
              writer = os.open(fifo, os.O_WRONLY)
              os.write(writer, b'through')
              return os.read(reader, 99).decode()
          os.mkfifo('fifo2', 0o600)
          first = [through('fifo'), through('fifo2')]
          os.chmod('fifo', 0o600)
          server = socket.socket(socket.AF_UNIX); server.bind('socket'); server.listen()
          client = socket.socket(socket.AF_UNIX); client.connect('socket')
          client.sendall(b'hello')
          st = os.lstat('fifo')
          result(first + [server.accept()[0].recv(9).decode(), stat.S_ISFIFO(st.st_mode), oct(st.st_mode & 0o777), oct(os.lstat(lower + '/fifo').st_mode & 0o777)])
        `, as)).toEqual(['through', 'through', 'hello', true, '0o600', '0o640']);
      }));

    test('times are kept to the nanosecond across copy-up', () =>
      union("put('lower/f', 'x'); os.mkdir('lower/d'); put('lower/d/g', ''); os.symlink('x', 'lower/l'); [os.utime('lower/' + n, ns=(1111111111123456789, 1222222222987654321), follow_symlinks=False) for n in ('f', 'd/g', 'l', 'd')]", async (u) => {
        expect(await act(u, `
          os.chmod('f', 0o600)
          os.rename('d/g', 'd/h')
          os.rename('l', 'm')
          os.utime('f', ns=(1, 1222222222987654321))
          ns = lambda p: os.lstat(p).st_mtime_ns
          result([ns('f'), os.stat('f').st_atime_ns, ns('d/h'), ns('m'), os.path.exists(upper + '/d/h')])
        `, as)).toEqual([1222222222987654321, 1, 1222222222987654321, 1222222222987654321, true]);
      }));

    test('times that are far off, and before 1970', () =>
      union("put('lower/f', '')", async (u) => {
        expect(await act(u, `
          outcome = []
          for t in (-1_500_000_000 * 10**9 + 5, 4_000_000_000 * 10**9 + 999_999_999):
              os.utime('f', ns=(t, t)); outcome.append(os.stat('f').st_mtime_ns == t == os.stat(upper + '/f').st_mtime_ns)
          result(outcome)
        `, as)).toEqual([true, true]);
      }));

    test('umask and set-gid directories', () =>
      union('pass', async (u) => {
        expect(await act(u, `
          mode = lambda p: oct(os.stat(p).st_mode & 0o7777)
          os.umask(0o027)
          put('f', ''); os.mkdir('d'); os.mkfifo('p', 0o666)
          os.umask(0)
          os.close(os.open('open', os.O_CREAT | os.O_WRONLY, 0o666))
          os.chmod('d', 0o2775)
          os.mkdir('d/e', 0o755); put('d/f', '')
          result([mode('f'), mode('p'), mode('open'), mode('d/e'), mode('d/f'), os.stat('d/f').st_gid == os.stat('d').st_gid])
        `, as)).toEqual(['0o640', '0o640', '0o666', '0o2755', '0o666', true]);
      }));

    test('sparse files stay sparse when they are copied up', () =>
      union("put('lower/f', 'head'); os.truncate('lower/f', 50_000_000); f = os.open('lower/f', os.O_WRONLY); os.pwrite(f, b'tail', 49_999_000)", async (u) => {
        expect(await act(u, `
          os.chmod('f', 0o600)
          st = os.stat(upper + '/f')
          fd = os.open('f', os.O_RDWR)
          data = [os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_HOLE) < 1_000_000, os.lseek(fd, 1_000_000, os.SEEK_DATA) > 49_000_000]
          result([st.st_size, st.st_blocks * 512 < 1_000_000, os.pread(fd, 4, 0).decode(), os.pread(fd, 5, 49_999_000)[:4].decode()] + data)
        `, as)).toEqual([50_000_000, true, 'head', 'tail', 0, true, true]);
      }));

    test('fallocate, and a hole punched into a lower file', () =>
      union("put('lower/f', 'x' * 16384)", async (u) => {
        expect(await act(u, `
          fd = os.open('f', os.O_RDWR)
          os.posix_fallocate(fd, 0, 20000)
          punched = libc.fallocate(fd, 3, ctypes.c_long(4096), ctypes.c_long(4096))
          text = get('f')
          result([os.stat('f').st_size, punched, text[4095:4097], text[8191:8193], os.stat(lower + '/f').st_size])
        `, as)).toEqual([20000, 0, 'x\0', '\0x', 16384]);
      }));

    test('copy_file_range from one branch to the other', () =>
      union("put('lower/f', 'abc' * 100000)", async (u) => {
        expect(await act(u, `
          source, target = os.open('f', os.O_RDONLY), os.open('g', os.O_CREAT | os.O_RDWR)
          done = 0
          while n := os.copy_file_range(source, target, 1 << 20): done += n
          result([done, get('g') == 'abc' * 100000])
        `, as)).toEqual([300000, true]);
      }));

    test('extended attributes, kept by copy-up, set, replaced and removed', () =>
      union("put('lower/f', ''); os.setxattr('lower/f', 'user.low', b'v' * 1000)", async (u) => {
        expect(await act(u, `
          user = lambda: sorted(n for n in os.listxattr('f') if n.startswith('user.'))
          before = [len(os.getxattr('f', 'user.low')), user()]
          os.setxattr('f', 'user.new', b'')
          exists = error(os.setxattr, 'f', 'user.new', b'1', os.XATTR_CREATE)
          missing = error(os.setxattr, 'f', 'user.none', b'1', os.XATTR_REPLACE)
          os.removexattr('f', 'user.low')
          result(before + [exists, missing, user(), error(os.getxattr, 'f', 'user.low'), len(os.getxattr(lower + '/f', 'user.low'))])
        `, as)).toEqual([1000, ['user.low'], 'EEXIST', 'ENODATA', ['user.new'], 'ENODATA', 1000]);
      }));

    const noAcl = missing('setfacl', 'getfacl');
    test.skipIf(noAcl !== undefined)(`default ACLs are inherited, and ACLs kept by copy-up${because(noAcl)}`, () =>
      union("put('lower/f', ''); os.mkdir('lower/d')", async (u) => {
        await shell('setfacl -m u:1234:rw f; setfacl -d -m u:1234:rwx,g::r-x,o::- d; umask 0; mkdir d/e; touch d/f', { cwd: u.mnt, as });
        expect(await shell('getfacl -ncp f d/f | grep . ; getfacl -ncp d/e | grep .', { cwd: u.mnt, as })).toBe([
          'user::rw-', 'user:1234:rw-', 'group::r--', 'mask::rw-', 'other::r--',
          'user::rw-', 'user:1234:rwx\t#effective:rw-', 'group::r-x\t#effective:r--', 'mask::rw-', 'other::---',
          'user::rwx', 'user:1234:rwx', 'group::r-x', 'mask::rwx', 'other::---',
          'default:user::rwx', 'default:user:1234:rwx', 'default:group::r-x', 'default:mask::rwx', 'default:other::---', '',
        ].join('\n'));
      }));

    test('statfs tells the writable branch', () =>
      union('pass', async (u) => {
        expect(await act(u, `
          here, there = os.statvfs('.'), os.statvfs(upper)
          result([here.f_blocks == there.f_blocks, here.f_bsize == there.f_bsize, here.f_files == there.f_files])
        `, as)).toEqual([true, true, true]);
      }));
  });
}

const asRoot = noRootMount();

describe.skipIf(asRoot !== undefined)(`several users of root's union${because(asRoot)}`, () => {
  const anna = { uid: 1001, gid: 1001 };
  const berta = { uid: 1002, gid: 1002, groups: [2000] };

  test('each owns what he makes, and permissions hold', () => mounted({
    fill: (root) => prepare(root, "put('lower/secret', 's'); os.chmod('lower/secret', 0o600); os.mkdir('lower/all'); os.chmod('lower/all', 0o1777)"),
  }, async (u) => {
    expect(await act(u, `
      put('all/a', 'a'); os.mkdir('all/d'); os.symlink('x', 'all/l')
      own = lambda p: [os.lstat(p).st_uid, os.lstat(p).st_gid]
      result([own('all/a'), own('all/d'), own('all/l'), error(open, 'secret'), error(put, 'f', ''), error(os.chmod, 'secret', 0o777),
              error(os.chown, 'all/a', 0, 0)])
    `, anna)).toEqual([[1001, 1001], [1001, 1001], [1001, 1001], 'EACCES', 'EACCES', 'EPERM', 'EPERM']);
    expect(await act(u, `
      result([get('all/a'), error(put, 'all/a', 'b'), error(os.unlink, 'all/a'), error(os.rename, 'all/a', 'all/b')])
    `, berta)).toEqual(['a', 'EACCES', 'EPERM', 'EPERM']);
    expect(await act(u, "result([os.stat(upper + '/all/a').st_uid, oct(os.stat(upper + '/all').st_mode & 0o7777)])")).toEqual([1001, '0o1777']);
  }));

  test('supplementary groups count', () => mounted({
    fill: (root) => prepare(root, "put('lower/f', 'x'); os.chown('lower/f', 0, 2000); os.chmod('lower/f', 0o660); os.mkdir('lower/d'); os.chown('lower/d', 0, 2000); os.chmod('lower/d', 0o2770)"),
  }, async (u) => {
    expect(await act(u, `
      put('f', 'y', 'a'); put('d/g', '')
      os.chown('d/g', -1, 2000)
      result([get('f'), os.stat('d/g').st_uid, os.stat('d/g').st_gid, os.stat('f').st_gid])
    `, berta)).toEqual(['xy', 1002, 2000, 2000]);
    expect(await act(u, "result([error(open, 'f'), error(os.listdir, 'd')])", anna)).toEqual(['EACCES', 'EACCES']);
  }));

  test('a write by another takes the set-uid bit, also from a lower file', () => mounted({
    fill: (root) => prepare(root, "put('lower/f', 'x'); os.chmod('lower/f', 0o6777); put('lower/g', 'x'); os.chmod('lower/g', 0o6777)"),
  }, async (u) => {
    expect(await act(u, `
      put('f', 'y', 'a'); os.truncate('g', 0)
      result([oct(os.stat('f').st_mode & 0o7777), oct(os.stat('g').st_mode & 0o7777)])
    `, anna)).toEqual(['0o777', '0o777']);
  }));

  test.each([['tmpfs', memory], ['a disk', disk]])('device nodes, on %s', (_, base) => mounted({
    base, fill: (root) => prepare(root, "os.mknod('lower/null', 0o666 | stat.S_IFCHR, os.makedev(1, 3))"),
  }, async (u) => {
    expect(await act(u, `
      os.mknod('zero', 0o600 | stat.S_IFCHR, os.makedev(1, 5))
      os.mknod('block', 0o600 | stat.S_IFBLK, os.makedev(7, 300))
      os.chmod('null', 0o600)
      put('null', 'gone')
      with open('zero', 'rb') as zero: zeros = zero.read(3).hex()
      dev = lambda p: [os.major(os.stat(p).st_rdev), os.minor(os.stat(p).st_rdev)]
      result([zeros, get('null'), dev('null'), dev('zero'), dev('block'), dev(upper + '/block'), oct(os.stat(upper + '/null').st_mode)])
    `)).toEqual(['000000', '', [1, 3], [1, 5], [7, 300], [7, 300], '0o20600']);
  }));

  test('trusted and security attributes are kept by copy-up', () => mounted({
    base: disk,
    fill: (root) => prepare(root, "put('lower/f', ''); os.setxattr('lower/f', 'trusted.t', b'1'); os.setxattr('lower/f', 'security.x', b'2')"),
  }, async (u) => {
    expect(await act(u, `
      os.chmod('f', 0o600)
      result([os.getxattr(upper + '/f', n).decode() for n in ('trusted.t', 'security.x')] + [os.getxattr('f', 'trusted.t').decode()])
    `)).toEqual(['1', '2', '1']);
  }));
});
