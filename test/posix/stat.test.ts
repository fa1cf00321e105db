import { execFileSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { ATTRIBUTE, fstat, S, Stat, statat } from '../../src/posix/stat.js';
import { onEachFileSystem } from './scratch.js';

/** What Node.js says about a path, in the shape of a Stat (without what it does not say). */
function expected(path: string): object {
  const stat = lstatSync(path, { bigint: true });
  const second = 1_000_000_000n;
  const seconds = (ns: bigint): number => Number((ns - (((ns % second) + second) % second)) / second);
  const rest = (ns: bigint): number => Number(((ns % second) + second) % second);
  return {
    mode: Number(stat.mode),
    ino: Number(stat.ino),
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: Number(stat.size),
    blocks: Number(stat.blocks),
    blksize: Number(stat.blksize),
    atime: seconds(stat.atimeNs),
    atimeNsec: rest(stat.atimeNs),
    mtime: seconds(stat.mtimeNs),
    mtimeNsec: rest(stat.mtimeNs),
    ctime: seconds(stat.ctimeNs),
    ctimeNsec: rest(stat.ctimeNs),
    btime: seconds(stat.birthtimeNs),
    btimeNsec: rest(stat.birthtimeNs),
  };
}

onEachFileSystem('stat', (scratch) => {
  test('statat and fstat agree with Node.js for every type', () => {
    writeFileSync(join(scratch.path, 'file'), 'x'.repeat(10000), { mode: 0o640 });
    mkdirSync(join(scratch.path, 'dir'));
    symlinkSync('file', join(scratch.path, 'link'));
    execFileSync('mkfifo', [join(scratch.path, 'fifo')]);
    const stat = new Stat();
    for (const [name, type] of [
      ['file', S.IFREG], ['dir', S.IFDIR], ['link', S.IFLNK], ['fifo', S.IFIFO],
    ] as const) {
      expect(statat(scratch.fd, name, stat)).toBe(0);
      expect(stat).toMatchObject(expected(join(scratch.path, name)));
      expect(stat.mode & S.IFMT).toBe(type);
      const fd = openat(scratch.fd, name, O.PATH | O.NOFOLLOW, 0);
      const again = new Stat();
      expect(fstat(fd, again)).toBe(0);
      close(fd);
      expect(again).toEqual(stat);
    }
  });

  test('fstat of an ordinary descriptor, also after the name has gone', () => {
    const fd = openat(scratch.fd, '.', O.TMPFILE | O.RDWR, 0o600);
    const stat = new Stat();
    expect(fstat(fd, stat)).toBe(0);
    expect([stat.mode, stat.nlink, stat.size]).toEqual([S.IFREG | 0o600, 0, 0]);
    close(fd);
    expect(fstat(fd, stat)).toBe(-E.EBADF);
  });

  test('times before 1970 and beyond 2038', () => {
    const path = join(scratch.path, 'f');
    writeFileSync(path, '');
    const stat = new Stat();
    // Not utimesSync: Node.js turns negative times into the present.
    execFileSync('touch', ['-a', '-d', '@-1.5', path]);
    execFileSync('touch', ['-m', '-d', `@-${86400 * 365 * 30}`, path]);
    expect(statat(scratch.fd, 'f', stat)).toBe(0);
    expect([stat.atime, stat.atimeNsec]).toEqual([-2, 500_000_000]);
    expect([stat.mtime, stat.mtimeNsec]).toEqual([-86400 * 365 * 30, 0]);
    utimesSync(path, 2 ** 32 + 7, 2 ** 33);
    statat(scratch.fd, 'f', stat);
    expect([stat.atime, stat.mtime]).toEqual([2 ** 32 + 7, 2 ** 33]);
  });

  test('sizes beyond 32 bits', () => {
    execFileSync('truncate', ['-s', '5T', join(scratch.path, 'f')]);
    const stat = new Stat();
    statat(scratch.fd, 'f', stat);
    expect([stat.size, stat.blocks]).toEqual([5 * 2 ** 40, 0]);
  });

  test('names that are not UTF-8', () => {
    closeSync(openSync(Buffer.concat([Buffer.from(`${scratch.path}/`), Buffer.from([0x80, 0xff])]), 'w'));
    const stat = new Stat();
    expect(statat(scratch.fd, '\x80\xff', stat)).toBe(0);
    expect(stat.mode & S.IFMT).toBe(S.IFREG);
  });

  test('errors leave the result alone', () => {
    writeFileSync(join(scratch.path, 'f'), '');
    const stat = new Stat();
    expect(statat(scratch.fd, 'none', stat)).toBe(-E.ENOENT);
    expect(statat(scratch.fd, '', stat)).toBe(-E.ENOENT);
    expect(statat(scratch.fd, 'f/x', stat)).toBe(-E.ENOTDIR);
    expect(statat(scratch.fd, 'x'.repeat(256), stat)).toBe(-E.ENAMETOOLONG);
    expect(statat(scratch.fd, 'x'.repeat(4096), stat)).toBe(-E.ENAMETOOLONG);
    expect(statat(scratch.fd, 'f\0', stat)).toBe(-E.EINVAL);
    expect(statat(12345, 'f', stat)).toBe(-E.EBADF);
    expect(stat).toEqual(new Stat());
  });
});

test('device numbers', () => {
  const stat = new Stat();
  expect(statat(-100, '/dev/null', stat)).toBe(0);
  expect([stat.mode & S.IFMT, stat.rdevMajor, stat.rdevMinor]).toEqual([S.IFCHR, 1, 3]);
  const dev = statSync('/dev/null').dev;
  expect([stat.devMajor, stat.devMinor]).toEqual([(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)]);
});

test('attributes: the root of a mount', () => {
  const stat = new Stat();
  statat(-100, '/proc', stat);
  expect(stat.attributes & ATTRIBUTE.MOUNT_ROOT).not.toBe(0);
  statat(-100, '/proc/self', stat);
  expect(stat.attributes & ATTRIBUTE.MOUNT_ROOT).toBe(0);
});

test('copy takes over every field', () => {
  const from = new Stat();
  let value = 1;
  for (const field of Object.keys(from) as (keyof Omit<Stat, 'copy'>)[]) from[field] = value++;
  const to = new Stat();
  to.copy(from);
  expect(to).toEqual(from);
  expect(to.attributes).toBe(value - 1);
});
