import { chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync,
  writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AT, DT, linkat, linkFd, mkdirat, mknodat, readDirectory, readlinkat, RENAME, renameat2, symlinkat,
  unlinkat } from '../../src/posix/directory.js';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { S, Stat, statat } from '../../src/posix/stat.js';
import { asUser, currentUmask, isRoot, onEachFileSystem } from './scratch.js';

onEachFileSystem('directories', (scratch) => {
  const at = (name: string): string => join(scratch.path, name);

  test('mkdirat', () => {
    expect(mkdirat(scratch.fd, 'd', 0o750)).toBe(0);
    expect(lstatSync(at('d')).mode).toBe(S.IFDIR | (0o750 & ~currentUmask()));
    expect(mkdirat(scratch.fd, 'd', 0o750)).toBe(-E.EEXIST);
    expect(mkdirat(scratch.fd, 'none/d', 0o750)).toBe(-E.ENOENT);
  });

  test('mknodat', () => {
    expect(mknodat(scratch.fd, 'fifo', S.IFIFO | 0o600, 0, 0)).toBe(0);
    expect(lstatSync(at('fifo')).isFIFO()).toBe(true);
    expect(mknodat(scratch.fd, 'file', S.IFREG | 0o600, 0, 0)).toBe(0);
    expect(lstatSync(at('file')).isFile()).toBe(true);
    expect(mknodat(scratch.fd, 'file', S.IFREG | 0o600, 0, 0)).toBe(-E.EEXIST);
    expect(mknodat(scratch.fd, 'big', S.IFCHR, 4096, 0)).toBe(-E.EINVAL);
    expect(mknodat(scratch.fd, 'big', S.IFCHR, 0, 2 ** 20)).toBe(-E.EINVAL);
  });

  test.skipIf(!isRoot)('mknodat of devices, with large numbers too', () => {
    const stat = new Stat();
    for (const [major, minor] of [[1, 3], [0, 0], [300, 0x12345], [4095, 2 ** 20 - 1]] as const) {
      expect(mknodat(scratch.fd, `c${major}`, S.IFCHR | 0o600, major, minor)).toBe(0);
      statat(scratch.fd, `c${major}`, stat);
      expect([stat.mode & S.IFMT, stat.rdevMajor, stat.rdevMinor]).toEqual([S.IFCHR, major, minor]);
    }
  });

  test('unlinkat of files, links and directories', () => {
    writeFileSync(at('f'), '');
    symlinkSync('f', at('l'));
    mkdirSync(at('d/sub'), { recursive: true });
    expect(unlinkat(scratch.fd, 'l', 0)).toBe(0);
    expect(readdirSync(scratch.path)).toEqual(['d', 'f']);
    expect(unlinkat(scratch.fd, 'd', 0)).toBe(-E.EISDIR);
    expect(unlinkat(scratch.fd, 'f', AT.REMOVEDIR)).toBe(-E.ENOTDIR);
    expect(unlinkat(scratch.fd, 'd', AT.REMOVEDIR)).toBe(-E.ENOTEMPTY);
    expect(unlinkat(scratch.fd, 'd/sub', AT.REMOVEDIR)).toBe(0);
    expect(unlinkat(scratch.fd, 'd', AT.REMOVEDIR)).toBe(0);
    expect(unlinkat(scratch.fd, 'f', 0)).toBe(0);
    expect(unlinkat(scratch.fd, 'f', 0)).toBe(-E.ENOENT);
  });

  test('renameat2, plain, exclusive and exchanging', () => {
    writeFileSync(at('a'), 'A');
    writeFileSync(at('b'), 'B');
    mkdirSync(at('d'));
    expect(renameat2(scratch.fd, 'a', scratch.fd, 'b', RENAME.NOREPLACE)).toBe(-E.EEXIST);
    expect(renameat2(scratch.fd, 'a', scratch.fd, 'b', RENAME.EXCHANGE)).toBe(0);
    expect([readFileSync(at('a'), 'utf8'), readFileSync(at('b'), 'utf8')]).toEqual(['B', 'A']);
    expect(renameat2(scratch.fd, 'a', scratch.fd, 'b', 0)).toBe(0);
    expect(readFileSync(at('b'), 'utf8')).toBe('B');
    expect(renameat2(scratch.fd, 'a', scratch.fd, 'c', 0)).toBe(-E.ENOENT);
    expect(renameat2(scratch.fd, 'b', scratch.fd, 'd', 0)).toBe(-E.EISDIR);
    const sub = openat(scratch.fd, 'd', O.PATH | O.DIRECTORY, 0);
    expect(renameat2(scratch.fd, 'b', sub, '\xfe', RENAME.NOREPLACE)).toBe(0);
    close(sub);
    expect(readdirSync(at('d'), 'latin1' as 'utf8')).toEqual(['\xfe']);
    expect(renameat2(scratch.fd, 'x\0', scratch.fd, 'c', 0)).toBe(-E.EINVAL);
    expect(renameat2(scratch.fd, 'x', scratch.fd, 'c\0', 0)).toBe(-E.EINVAL);
  });

  test('linkat links a symbolic link itself, or what it points to', () => {
    writeFileSync(at('f'), '');
    symlinkSync('f', at('l'));
    expect(linkat(scratch.fd, 'l', scratch.fd, 'l2', 0)).toBe(0);
    expect(lstatSync(at('l2')).ino).toBe(lstatSync(at('l')).ino);
    expect(linkat(scratch.fd, 'l', scratch.fd, 'f2', AT.SYMLINK_FOLLOW)).toBe(0);
    expect(lstatSync(at('f2')).ino).toBe(lstatSync(at('f')).ino);
    expect(linkat(scratch.fd, 'f', scratch.fd, 'f2', 0)).toBe(-E.EEXIST);
    expect(linkat(scratch.fd, '.', scratch.fd, 'd', 0)).toBe(-E.EPERM);
  });

  test('linkFd names a file that had no name', () => {
    const fd = openat(scratch.fd, '.', O.TMPFILE | O.RDWR, 0o640);
    expect(linkFd(fd, scratch.fd, 'named')).toBe(0);
    expect(linkFd(fd, scratch.fd, 'named')).toBe(-E.EEXIST);
    expect(linkFd(fd, scratch.fd, 'none/named')).toBe(-E.ENOENT);
    close(fd);
    expect(lstatSync(at('named')).nlink).toBe(1);
  });

  test.skipIf(!isRoot)('linkFd without the capability that AT_EMPTY_PATH asks for', () => {
    mkdirat(scratch.fd, 'd', 0o700);
    chownSync(at('d'), 65534, 65534);
    const dirfd = openat(scratch.fd, 'd', O.PATH | O.DIRECTORY, 0);
    const user = { keepCapabilities: false };
    const fd = asUser(65534, 65534, user, () => openat(dirfd, '.', O.TMPFILE | O.RDWR, 0o600));
    // Other credentials than those that opened the file, though of the same user.
    const result = asUser(65534, 65534, user, () => linkFd(fd, dirfd, 'named'));
    close(fd);
    close(dirfd);
    expect(result).toBe(0);
    expect(lstatSync(at('d/named')).uid).toBe(65534);
  });

  test('symlinkat and readlinkat', () => {
    const longest = 'x/'.repeat(2047) + 'y';
    for (const target of ['a', '\xff\x80', '../up', 'x'.repeat(500), ...(scratch.path.startsWith('/dev') ? [longest] : [])]) {
      expect(symlinkat(target, scratch.fd, 'l')).toBe(0);
      expect(readlinkSync(at('l'), 'latin1' as 'utf8')).toBe(target);
      expect(readlinkat(scratch.fd, 'l')).toBe(target);
      const fd = openat(scratch.fd, 'l', O.PATH | O.NOFOLLOW, 0);
      expect(readlinkat(fd, '')).toBe(target);
      close(fd);
      unlinkat(scratch.fd, 'l', 0);
    }
    writeFileSync(at('f'), '');
    expect(readlinkat(scratch.fd, 'f')).toBe(-E.EINVAL);
    expect(readlinkat(scratch.fd, 'none')).toBe(-E.ENOENT);
    expect(symlinkat('a', scratch.fd, 'f')).toBe(-E.EEXIST);
    expect(symlinkat('', scratch.fd, 'l')).toBe(-E.ENOENT);
    expect(symlinkat('x'.repeat(4096), scratch.fd, 'l')).toBe(-E.ENAMETOOLONG);
  });

  describe('readDirectory', () => {
    function list(fd: number): [string, number, number][] {
      const entries: [string, number, number][] = [];
      expect(readDirectory(fd, (name, type, ino) => entries.push([name, type, ino]))).toBe(0);
      return entries.sort(([a], [b]) => (a < b ? -1 : 1));
    }

    test('names, types and inode numbers, without the dots', () => {
      expect(list(scratch.fd)).toEqual([]);
      writeFileSync(at('.f'), '');
      writeFileSync(at('..g'), '');
      mkdirSync(at('d'));
      symlinkSync('f', at('l'));
      mknodat(scratch.fd, '\xff', S.IFIFO | 0o600, 0, 0);
      const inode = (name: string): number => {
        const stat = new Stat();
        statat(scratch.fd, name, stat);
        return stat.ino;
      };
      expect(list(scratch.fd)).toEqual([
        ['..g', DT.REG, inode('..g')],
        ['.f', DT.REG, inode('.f')],
        ['d', DT.DIR, inode('d')],
        ['l', DT.LNK, inode('l')],
        ['\xff', DT.FIFO, inode('\xff')],
      ]);
    });

    test('names of every length', () => {
      const names = Array.from({ length: 255 }, (_, i) => 'n'.repeat(i + 1));
      for (const name of names) mknodat(scratch.fd, name, S.IFREG | 0o600, 0, 0);
      expect(list(scratch.fd).map(([name]) => name)).toEqual(names);
    });

    test('ten thousand entries, each once, from the start each time', () => {
      const names = new Set<string>();
      for (let i = 0; i < 10_000; i++) {
        const name = `entry-with-a-name-of-some-length-${i}`;
        names.add(name);
        expect(mknodat(scratch.fd, name, S.IFREG | 0o600, 0, 0)).toBe(0);
      }
      for (let pass = 0; pass < 2; pass++) {
        const seen = list(scratch.fd).map(([name]) => name);
        expect(seen.length).toBe(10_000);
        expect(new Set(seen)).toEqual(names);
      }
    });

    test('a visitor may list another directory, and may throw', () => {
      for (const directory of ['a', 'b', 'c']) {
        mkdirSync(at(directory));
        for (let i = 0; i < 3; i++) writeFileSync(at(`${directory}/${directory}${i}`), '');
      }
      const seen: string[] = [];
      readDirectory(scratch.fd, (name) => {
        const fd = openat(scratch.fd, name, O.RDONLY | O.DIRECTORY, 0);
        readDirectory(fd, (inner) => seen.push(`${name}/${inner}`));
        close(fd);
      });
      expect(seen.sort()).toEqual(['a', 'b', 'c'].flatMap((d) => [`${d}/${d}0`, `${d}/${d}1`, `${d}/${d}2`]));
      expect(() => readDirectory(scratch.fd, () => { throw new Error('stop'); })).toThrow('stop');
      expect(list(scratch.fd).map(([name]) => name)).toEqual(['a', 'b', 'c']);
    });

    test('errors', () => {
      writeFileSync(at('f'), '');
      const fd = openat(scratch.fd, 'f', O.RDONLY, 0);
      expect(readDirectory(fd, () => undefined)).toBe(-E.ENOTDIR);
      close(fd);
      const path = openat(scratch.fd, '.', O.PATH, 0);
      expect(readDirectory(path, () => undefined)).toBe(-E.EBADF);
      close(path);
    });
  });
});
