import { constants, fstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import * as file from '../../src/posix/file.js';
import { FALLOC, LOCK, O, SEEK } from '../../src/posix/file.js';
import { allocate } from '../../src/posix/memory.js';
import { currentUmask, onEachFileSystem } from './scratch.js';

const memory = allocate(8192);

/** Puts text into the shared memory. */
function put(text: string): number {
  return memory.bytes.write(text, 'latin1');
}

function got(length: number): string {
  return memory.bytes.toString('latin1', 0, length);
}

test('open flags are those of this machine', () => {
  for (const name of ['CREAT', 'EXCL', 'NOCTTY', 'TRUNC', 'APPEND', 'NONBLOCK', 'DSYNC', 'DIRECT', 'DIRECTORY',
    'NOFOLLOW', 'NOATIME', 'SYNC', 'RDONLY', 'WRONLY', 'RDWR'] as const) {
    expect([name, O[name]]).toEqual([name, constants[`O_${name}`]]);
  }
});

onEachFileSystem('files', (scratch) => {
  const opened: number[] = [];

  afterEach(() => {
    for (const fd of opened.splice(0)) file.close(fd);
  });

  function open(name: string, flags: number, mode = 0o600): number {
    const fd = file.openat(scratch.fd, name, flags, mode);
    if (fd >= 0) opened.push(fd);
    return fd;
  }

  test('flock: one exclusive, or several shared, until the file is closed', () => {
    const [one, other] = [open('file', O.RDWR | O.CREAT), open('file', O.RDWR)];
    expect(file.flock(one, LOCK.SH | LOCK.NB)).toBe(0);
    expect(file.flock(other, LOCK.SH | LOCK.NB)).toBe(0);
    expect(file.flock(other, LOCK.EX | LOCK.NB)).toBe(-E.EWOULDBLOCK);
    file.close(opened.shift()!);
    expect(file.flock(other, LOCK.EX | LOCK.NB)).toBe(0);
    const third = open('file', O.RDONLY);
    expect(file.flock(third, LOCK.SH | LOCK.NB)).toBe(-E.EWOULDBLOCK);
    expect(file.flock(other, LOCK.UN)).toBe(0);
    expect(file.flock(third, LOCK.SH | LOCK.NB)).toBe(0);
  });

  function content(name: string): string {
    return readFileSync(join(scratch.path, name), 'latin1');
  }

  describe('openat', () => {
    test('makes a file with its mode, close-on-exec', () => {
      const fd = open('f', O.CREAT | O.EXCL | O.RDWR, 0o640);
      expect(fd).toBeGreaterThanOrEqual(0);
      expect(fstatSync(fd).mode & 0o7777).toBe(0o640 & ~currentUmask());
      expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m);
    });

    test('errors', () => {
      writeFileSync(join(scratch.path, 'f'), '');
      symlinkSync('f', join(scratch.path, 'l'));
      expect(open('none', O.RDONLY)).toBe(-E.ENOENT);
      expect(open('f', O.CREAT | O.EXCL | O.WRONLY)).toBe(-E.EEXIST);
      expect(open('f', O.DIRECTORY)).toBe(-E.ENOTDIR);
      expect(open('.', O.WRONLY)).toBe(-E.EISDIR);
      expect(open('l', O.RDONLY | O.NOFOLLOW)).toBe(-E.ELOOP);
      expect(open('x'.repeat(256), O.RDONLY)).toBe(-E.ENAMETOOLONG);
      expect(open('x'.repeat(5000), O.RDONLY)).toBe(-E.ENAMETOOLONG);
      expect(open('f\0g', O.RDONLY)).toBe(-E.EINVAL);
      expect(file.openat(12345, 'f', O.RDONLY, 0)).toBe(-E.EBADF);
    });

    test('names that are not UTF-8', () => {
      expect(open('a\xff\xfe', O.CREAT | O.WRONLY)).toBeGreaterThanOrEqual(0);
      const path = Buffer.concat([Buffer.from(`${scratch.path}/a`), Buffer.from([0xff, 0xfe])]);
      expect(readFileSync(path, 'latin1')).toBe('');
    });

    test('O_PATH of a symbolic link, O_TMPFILE', () => {
      symlinkSync('nowhere', join(scratch.path, 'l'));
      expect(open('l', O.PATH | O.NOFOLLOW)).toBeGreaterThanOrEqual(0);
      const fd = open('.', O.TMPFILE | O.RDWR);
      expect(fstatSync(fd).nlink).toBe(0);
    });
  });

  describe('openat2Beneath', () => {
    test('opens below, at any depth', () => {
      mkdirSync(join(scratch.path, 'a/b'), { recursive: true });
      writeFileSync(join(scratch.path, 'a/b/c'), 'deep');
      const fd = file.openat2Beneath(scratch.fd, 'a/b/c', O.RDONLY);
      opened.push(fd);
      expect(got(file.read(fd, memory.address, 10))).toBe('deep');
      const again = file.openat2Beneath(scratch.fd, 'a', O.PATH | O.DIRECTORY | O.NOFOLLOW);
      expect(again).toBeGreaterThanOrEqual(0);
      opened.push(again);
    });

    test('does not leave the directory nor pass a link', () => {
      mkdirSync(join(scratch.path, 'a'));
      writeFileSync(join(scratch.path, 'a/f'), '');
      symlinkSync('a', join(scratch.path, 'l'));
      symlinkSync('f', join(scratch.path, 'a/lf'));
      expect(file.openat2Beneath(scratch.fd, '../x', O.RDONLY)).toBe(-E.EXDEV);
      expect(file.openat2Beneath(scratch.fd, '/etc/passwd', O.RDONLY)).toBe(-E.EXDEV);
      expect(file.openat2Beneath(scratch.fd, 'l/f', O.RDONLY)).toBe(-E.ELOOP);
      expect(file.openat2Beneath(scratch.fd, 'a/lf', O.RDONLY)).toBe(-E.ELOOP);
      expect(file.openat2Beneath(scratch.fd, 'a/none', O.RDONLY)).toBe(-E.ENOENT);
      expect(file.openat2Beneath(scratch.fd, 'a\0', O.RDONLY)).toBe(-E.EINVAL);
    });
  });

  test('read, write, pread, pwrite', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    expect(file.write(fd, memory.address, put('hello world'))).toBe(11);
    expect(file.pwrite(fd, memory.address, put('W'), 6)).toBe(1);
    expect(content('f')).toBe('hello World');
    expect(got(file.pread(fd, memory.address, 100, 6))).toBe('World');
    expect(file.pread(fd, memory.address, 100, 11)).toBe(0);
    expect(file.read(fd, memory.address, 100)).toBe(0);
    expect(file.lseek(fd, 6, SEEK.SET)).toBe(6);
    expect(got(file.read(fd, memory.address, 3))).toBe('Wor');
    expect(file.pread(fd, memory.address, 1, -1)).toBe(-E.EINVAL);
    expect(file.pread(fd, 16, 1, 0)).toBe(-E.EFAULT);
    expect(file.pread(scratch.fd, memory.address, 1, 0)).toBe(-E.EISDIR);
    const readOnly = open('f', O.RDONLY);
    expect(file.pwrite(readOnly, memory.address, 1, 0)).toBe(-E.EBADF);
  });

  test('writev2, preadv, pwritev', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    put('head....payload');
    expect(file.writev2(fd, memory.address, 4, memory.address + 8, 7)).toBe(11);
    expect(content('f')).toBe('headpayload');
    const pieces = [
      { address: memory.address + 100, size: 4 },
      { address: memory.address + 200, size: 100 },
    ];
    expect(file.preadv(fd, pieces, 2)).toBe(9);
    expect(memory.bytes.toString('latin1', 100, 104)).toBe('adpa');
    expect(memory.bytes.toString('latin1', 200, 205)).toBe('yload');
    expect(file.pwritev(fd, [{ address: memory.address, size: 4 }, { address: memory.address, size: 2 }], 11)).toBe(6);
    expect(content('f')).toBe('headpayloadheadhe');
  });

  test('more pieces than IOV_MAX are refused, as many are taken', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    put('ab');
    const piece = { address: memory.address, size: 2 };
    expect(file.pwritev(fd, new Array<typeof piece>(1024).fill(piece), 0)).toBe(2048);
    expect(file.pwritev(fd, new Array<typeof piece>(1025).fill(piece), 0)).toBe(-E.EINVAL);
    expect(content('f')).toBe('ab'.repeat(1024));
  });

  test('ftruncate, fsync, fdatasync, syncfs', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    expect(file.ftruncate(fd, 5)).toBe(0);
    expect(content('f')).toBe('\0'.repeat(5));
    expect(file.ftruncate(fd, -1)).toBe(-E.EINVAL);
    expect(file.fsync(fd)).toBe(0);
    expect(file.fdatasync(fd)).toBe(0);
    expect(file.syncfs(fd)).toBe(0);
    expect(file.fsync(12345)).toBe(-E.EBADF);
    expect(file.syncfs(open('f', O.PATH))).toBe(-E.EBADF);
  });

  test('sparse files: SEEK_DATA and SEEK_HOLE', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    const MiB = 1048576;
    put('data');
    file.pwrite(fd, memory.address, 4096, MiB);
    expect(file.ftruncate(fd, 3 * MiB)).toBe(0);
    expect(file.lseek(fd, 0, SEEK.DATA)).toBe(MiB);
    expect(file.lseek(fd, MiB, SEEK.HOLE)).toBe(MiB + 4096);
    expect(file.lseek(fd, 2 * MiB, SEEK.DATA)).toBe(-E.ENXIO);
    expect(file.lseek(fd, 0, SEEK.END)).toBe(3 * MiB);
    expect(file.lseek(fd, 0, 99)).toBe(-E.EINVAL);
  });

  test('fallocate keeps the size, and punches holes', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    expect(file.fallocate(fd, FALLOC.KEEP_SIZE, 0, 65536)).toBe(0);
    expect(fstatSync(fd).size).toBe(0);
    expect(fstatSync(fd).blocks).toBe(128);
    expect(file.fallocate(fd, 0, 0, 65536)).toBe(0);
    expect(fstatSync(fd).size).toBe(65536);
    expect(file.fallocate(fd, FALLOC.PUNCH_HOLE | FALLOC.KEEP_SIZE, 0, 32768)).toBe(0);
    expect(fstatSync(fd).blocks).toBe(64);
    expect(file.fallocate(fd, 0, 0, 0)).toBe(-E.EINVAL);
  });

  test('copyFileRange at given offsets leaves the positions, without them moves them', () => {
    writeFileSync(join(scratch.path, 'from'), 'abcdefghij');
    const from = open('from', O.RDONLY);
    const to = open('to', O.CREAT | O.RDWR);
    expect(file.copyFileRange(from, 2, to, 4, 3)).toBe(3);
    expect(content('to')).toBe('\0\0\0\0cde');
    expect(file.lseek(from, 0, SEEK.CUR)).toBe(0);
    expect(file.lseek(to, 0, SEEK.CUR)).toBe(0);
    expect(file.copyFileRange(from, -1, to, -1, 4)).toBe(4);
    expect(content('to')).toBe('abcdcde');
    expect(file.lseek(from, 0, SEEK.CUR)).toBe(4);
    expect(file.copyFileRange(from, 10, to, 0, 4)).toBe(0);
    expect(file.copyFileRange(to, 0, from, 0, 4)).toBe(-E.EBADF);
    expect(file.copyFileRange(from, 0, to, 0, 4, 1)).toBe(-E.EINVAL);
  });

  test('ficlone shares data or says that it cannot', () => {
    writeFileSync(join(scratch.path, 'from'), 'abc');
    const from = open('from', O.RDONLY);
    const to = open('to', O.CREAT | O.RDWR);
    const result = file.ficlone(to, from);
    expect([0, -E.EOPNOTSUPP]).toContain(result);
    expect(content('to')).toBe(result === 0 ? 'abc' : '');
    expect(file.ficlone(to, 12345)).toBe(-E.EBADF);
  });

  test('isOpenElsewhere', () => {
    open('leased', O.CREAT | O.RDWR);
    file.close(opened.pop()!);
    const fd = open('leased', O.RDONLY);
    expect(file.isOpenElsewhere(fd)).toBe(false);
    const other = open('leased', O.RDONLY);
    expect([file.isOpenElsewhere(fd), file.isOpenElsewhere(other)]).toEqual([true, true]);
    file.close(opened.pop()!);
    expect(file.isOpenElsewhere(fd)).toBe(false);
    opened.push(file.dup(fd));
    expect(file.isOpenElsewhere(fd), 'the same open file').toBe(false);
    expect(file.isOpenElsewhere(12345)).toBe(false);
  });

  test('dup and setNonblock', () => {
    const fd = open('f', O.CREAT | O.RDWR);
    const second = file.dup(fd);
    opened.push(second);
    file.write(fd, memory.address, put('abc'));
    expect(file.lseek(second, 0, SEEK.CUR)).toBe(3);
    expect(readFileSync(`/proc/self/fdinfo/${second}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m);
    expect(file.setNonblock(fd, true)).toBe(0);
    expect(file.getFlags(second) & O.NONBLOCK).toBe(O.NONBLOCK);
    expect(file.setNonblock(fd, false)).toBe(0);
    expect(file.getFlags(second) & O.NONBLOCK).toBe(0);
    expect(file.setNonblock(12345, true)).toBe(-E.EBADF);
    expect(file.dup(12345)).toBe(-E.EBADF);
  });

  test('close', () => {
    const fd = file.openat(scratch.fd, '.', O.RDONLY, 0);
    expect(file.close(fd)).toBe(0);
    expect(file.close(fd)).toBe(-E.EBADF);
  });

  test('ioctl', () => {
    expect(file.ioctl(scratch.fd, 0x5401, memory.address)).toBe(-E.ENOTTY);
    expect(file.ioctl(12345, 0x5401, memory.address)).toBe(-E.EBADF);
  });
});

test('results beyond 2^53 stay numbers', () => {
  const fd = file.openat(-100, '/dev/shm', O.TMPFILE | O.RDWR, 0o600);
  try {
    expect(file.ftruncate(fd, 2 ** 62)).toBe(0);
    expect(file.lseek(fd, 0, SEEK.END)).toBe(2 ** 62);
    expect(file.lseek(fd, 0, SEEK.DATA)).toBe(-E.ENXIO);
  } finally {
    file.close(fd);
  }
});
