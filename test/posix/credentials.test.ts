import { chmodSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import * as credentials from '../../src/posix/credentials.js';
import { mkdirat } from '../../src/posix/directory.js';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { asUser, isRoot, onEachFileSystem } from './scratch.js';

/** The words of a line of a thread's status in /proc. */
function status(field: string, thread: number): string[] {
  const text = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
  const line = new RegExp(`^${field}:(.*)$`, 'm').exec(text)?.[1] ?? '';
  return line.split(/\s+/).filter((word) => word !== '');
}

const me = credentials.gettid();
const groups = credentials.getgroups() as number[];

test('who this thread is', () => {
  expect(credentials.geteuid()).toBe(process.geteuid?.());
  expect(credentials.getegid()).toBe(process.getegid?.());
  expect(credentials.getfsuid()).toBe(process.geteuid?.());
  expect(credentials.getfsgid()).toBe(process.getegid?.());
  expect(credentials.getgroups()).toEqual(status('Groups', me).map(Number));
});

test('umask: the former one is returned, the new one is in force', () => {
  const former = credentials.umask(0o027);
  try {
    expect(status('Umask', me)).toEqual(['0027']);
    expect(credentials.umask(0o077)).toBe(0o027);
  } finally {
    credentials.umask(former);
  }
  expect(status('Umask', me).map((mask) => parseInt(mask, 8))).toEqual([former]);
});

describe.skipIf(!isRoot)('as root', () => {
  afterEach(() => {
    credentials.setfsuid(0);
    credentials.setfsgid(0);
    credentials.setSecurebits(0);
    credentials.setgroups(groups);
  });

  onEachFileSystem('setfsuid and setfsgid', (scratch) => {
    test('files made on this thread belong to the user, on others to root', async () => {
      chmodSync(scratch.path, 0o777);
      expect(credentials.setfsgid(2345)).toBe(0);
      expect(credentials.setfsuid(1234)).toBe(0);
      expect(credentials.getfsuid()).toBe(1234);
      expect(credentials.getfsgid()).toBe(2345);
      close(openat(scratch.fd, 'mine', O.CREAT | O.WRONLY, 0o600));
      await writeFile(join(scratch.path, 'of-another-thread'), '');
      expect(credentials.setfsuid(0)).toBe(1234);
      expect(credentials.setfsgid(0)).toBe(2345);
      const mine = lstatSync(join(scratch.path, 'mine'));
      expect([mine.uid, mine.gid]).toEqual([1234, 2345]);
      const other = lstatSync(join(scratch.path, 'of-another-thread'));
      expect([other.uid, other.gid]).toEqual([0, 0]);
    });

    test('capabilities over files go with setfsuid, unless they are kept', () => {
      writeFileSync(join(scratch.path, 'secret'), '', { mode: 0o600 });
      chmodSync(scratch.path, 0o755);
      const open = (): number => openat(scratch.fd, 'secret', O.RDWR, 0);
      expect(asUser(1234, 1234, { keepCapabilities: false }, open)).toBe(-E.EACCES);
      const fd = asUser(1234, 1234, { keepCapabilities: true }, open);
      expect(fd).toBeGreaterThanOrEqual(0);
      close(fd);
      const made = asUser(1234, 5678, { keepCapabilities: true }, () => mkdirat(scratch.fd, 'd', 0o700));
      expect(made).toBe(0);
      const stat = lstatSync(join(scratch.path, 'd'));
      expect([stat.uid, stat.gid]).toEqual([1234, 5678]);
    });
  });

  test('keepCapabilities adds to the securebits', () => {
    expect(credentials.getSecurebits()).toBe(0);
    expect(credentials.keepCapabilities()).toBe(0);
    expect(credentials.getSecurebits()).toBe(4);
  });

  test('setgroups changes this thread alone', () => {
    const other = otherThread();
    expect(credentials.setgroups([5, 4_000_000_000, 7])).toBe(0);
    expect(credentials.getgroups()).toEqual([5, 7, 4_000_000_000]);
    expect(status('Groups', me)).toEqual(['5', '7', '4000000000']);
    expect(status('Groups', other).map(Number)).toEqual(groups);
    expect(credentials.setgroups([])).toBe(0);
    expect(credentials.getgroups()).toEqual([]);
  });

  test('as many groups as Linux allows, and one more', () => {
    const most = Array.from({ length: 65536 }, (_, i) => i);
    expect(credentials.setgroups(most)).toBe(0);
    expect(credentials.getgroups()).toEqual(most);
    expect(credentials.setgroups([...most, 1])).toBe(-E.EINVAL);
    expect(credentials.setgroups(new Array<number>(100_000).fill(1))).toBe(-E.EINVAL);
  });
});

// Last: there is no way back.
onEachFileSystem('unshareFs', (scratch) => {
  test('gives this thread a umask of its own', async () => {
    expect(credentials.unshareFs()).toBe(0);
    const former = credentials.umask(0o777);
    try {
      mkdirat(scratch.fd, 'mine', 0o755);
      await mkdir(join(scratch.path, 'other'), { mode: 0o755 });
    } finally {
      credentials.umask(former);
    }
    expect(lstatSync(join(scratch.path, 'mine')).mode & 0o777).toBe(0);
    expect(lstatSync(join(scratch.path, 'other')).mode & 0o777).toBe(0o755 & ~former);
  });
});

/** Any other thread of this process. */
function otherThread(): number {
  const other = readdirSync('/proc/self/task').map(Number).find((thread) => thread !== me);
  if (other === undefined) throw new Error('this process has one thread only');
  return other;
}
