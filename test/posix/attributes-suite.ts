import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fchmod, fchmodat, fchown, fchownat, futimens, UTIME, utimensat } from '../../src/posix/attributes.js';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { Stat, statat } from '../../src/posix/stat.js';
import { asUser, isRoot, onEachFileSystem } from './scratch.js';

/** The tests of src/posix/attributes.ts, run with and without the system calls of later kernels. */
export function describeAttributes(kernel: string): void {
  onEachFileSystem(`attributes, ${kernel}`, (scratch) => {
    const at = (name: string): string => join(scratch.path, name);
    const mode = (name: string): number => lstatSync(at(name)).mode & 0o7777;

    function times(name: string): number[] {
      const stat = new Stat();
      expect(statat(scratch.fd, name, stat)).toBe(0);
      return [stat.atime, stat.atimeNsec, stat.mtime, stat.mtimeNsec];
    }

    function withFd<Result>(name: string, flags: number, body: (fd: number) => Result): Result {
      const fd = openat(scratch.fd, name, flags, 0);
      expect(fd).toBeGreaterThanOrEqual(0);
      try {
        return body(fd);
      } finally {
        close(fd);
      }
    }

    test('fchmodat', () => {
      writeFileSync(at('f'), '');
      mkdirSync(at('d'));
      symlinkSync('f', at('l'));
      const before = mode('f');
      expect(fchmodat(scratch.fd, 'l', 0o4711)).toBe(-E.EOPNOTSUPP);
      expect(mode('f')).toBe(before);
      expect(fchmodat(scratch.fd, 'f', 0o4711)).toBe(0);
      expect(fchmodat(scratch.fd, 'd', 0o1777)).toBe(0);
      expect([mode('f'), mode('d')]).toEqual([0o4711, 0o1777]);
      expect(fchmodat(scratch.fd, 'none', 0o600)).toBe(-E.ENOENT);
      expect(fchmodat(scratch.fd, 'f\0', 0o600)).toBe(-E.EINVAL);
      expect(fchmodat(12345, 'f', 0o600)).toBe(-E.EBADF);
    });

    test.skipIf(!isRoot)('fchmodat needs the owner', () => {
      writeFileSync(at('f'), '', { mode: 0o600 });
      execFileSync('chmod', ['755', scratch.path]);
      expect(asUser(65534, 65534, { keepCapabilities: false }, () => fchmodat(scratch.fd, 'f', 0o666))).toBe(-E.EPERM);
      expect(mode('f')).toBe(0o600);
    });

    test('fchmod, of O_PATH descriptors too', () => {
      writeFileSync(at('f'), '');
      symlinkSync('f', at('l'));
      expect(withFd('f', O.RDONLY, (fd) => fchmod(fd, 0o640))).toBe(0);
      expect(mode('f')).toBe(0o640);
      expect(withFd('f', O.PATH, (fd) => fchmod(fd, 0o604))).toBe(0);
      expect(mode('f')).toBe(0o604);
      expect(withFd('l', O.PATH | O.NOFOLLOW, (fd) => fchmod(fd, 0o777))).toBe(-E.EOPNOTSUPP);
      expect(mode('f')).toBe(0o604);
      expect(fchmod(12345, 0o600)).toBe(-E.EBADF);
    });

    test.skipIf(!isRoot)('fchownat and fchown, of links themselves; -1 keeps', () => {
      const owner = (name: string): number[] => [lstatSync(at(name)).uid, lstatSync(at(name)).gid];
      writeFileSync(at('f'), '');
      symlinkSync('f', at('l'));
      expect(fchownat(scratch.fd, 'l', 1, 2)).toBe(0);
      expect(fchownat(scratch.fd, 'f', 2 ** 32 - 2, 3)).toBe(0);
      expect([owner('l'), owner('f')]).toEqual([[1, 2], [2 ** 32 - 2, 3]]);
      expect(fchownat(scratch.fd, 'f', -1, 4)).toBe(0);
      expect(owner('f')).toEqual([2 ** 32 - 2, 4]);
      expect(withFd('f', O.RDONLY, (fd) => fchown(fd, 5, -1))).toBe(0);
      expect(owner('f')).toEqual([5, 4]);
      expect(withFd('l', O.PATH | O.NOFOLLOW, (fd) => fchown(fd, 6, 7))).toBe(0);
      expect([owner('l'), owner('f')]).toEqual([[6, 7], [5, 4]]);
      expect(fchownat(scratch.fd, 'none', 0, 0)).toBe(-E.ENOENT);
      expect(fchown(12345, 0, 0)).toBe(-E.EBADF);
    });

    test('utimensat, before 1970 and after 2038, of links themselves', () => {
      writeFileSync(at('f'), '');
      symlinkSync('f', at('l'));
      const target = times('f');
      expect(utimensat(scratch.fd, 'l', -1, 999_999_999, 2 ** 33 + 1, 123_456_789)).toBe(0);
      expect(times('l')).toEqual([-1, 999_999_999, 2 ** 33 + 1, 123_456_789]);
      expect(times('f')).toEqual(target);
      expect(utimensat(scratch.fd, 'f', -(2 ** 31), 0, 2 ** 32, 1)).toBe(0);
      expect(times('f')).toEqual([-(2 ** 31), 0, 2 ** 32, 1]);
      expect(utimensat(scratch.fd, 'f', 0, UTIME.OMIT, 7, 8)).toBe(0);
      expect(times('f')).toEqual([-(2 ** 31), 0, 7, 8]);
      expect(utimensat(scratch.fd, 'none', 0, 0, 0, 0)).toBe(-E.ENOENT);
      expect(utimensat(scratch.fd, 'f', 0, 1_000_000_000, 0, 0)).toBe(-E.EINVAL);
    });

    test('UTIME.NOW', () => {
      writeFileSync(at('f'), '');
      utimensat(scratch.fd, 'f', 1, 0, 1, 0);
      expect(utimensat(scratch.fd, 'f', 0, UTIME.NOW, 0, UTIME.OMIT)).toBe(0);
      const [atime, , mtime] = times('f');
      expect(mtime).toBe(1);
      const stat = new Stat();
      statat(scratch.fd, 'f', stat);
      expect(atime).toBe(stat.ctime);
    });

    test('futimens, of O_PATH descriptors too', () => {
      writeFileSync(at('f'), '');
      symlinkSync('f', at('l'));
      expect(withFd('f', O.RDONLY, (fd) => futimens(fd, -5, 1, 6, 2))).toBe(0);
      expect(times('f')).toEqual([-5, 1, 6, 2]);
      expect(withFd('f', O.PATH, (fd) => futimens(fd, 7, 3, -8, 4))).toBe(0);
      expect(times('f')).toEqual([7, 3, -8, 4]);
      expect(withFd('l', O.PATH | O.NOFOLLOW, (fd) => futimens(fd, 1, 0, 2, 0))).toBe(0);
      expect([times('l'), times('f')]).toEqual([[1, 0, 2, 0], [7, 3, -8, 4]]);
      expect(withFd('f', O.RDONLY, (fd) => futimens(fd, 0, 2e9, 0, 0))).toBe(-E.EINVAL);
      expect(futimens(12345, 0, 0, 0, 0)).toBe(-E.EBADF);
    });

    test('nothing is left open', () => {
      writeFileSync(at('f'), '');
      symlinkSync('f', at('l'));
      fchmodat(scratch.fd, 'f', 0o600);
      fchmodat(scratch.fd, 'l', 0o600);
      const links = readdirSync('/proc/self/fd').map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return ''; // the descriptor of the listing itself, or another thread's
        }
      });
      expect(links.filter((link) => link.startsWith(scratch.path))).toEqual([scratch.path]);
    });
  });
}
