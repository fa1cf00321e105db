import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mknodat, renameat2, unlinkat } from '../../src/posix/directory.js';
import { E } from '../../src/posix/errno.js';
import { close, O, openat, read } from '../../src/posix/file.js';
import { IN, inotifyAddWatch, inotifyAddWatchFd, inotifyInit, inotifyRmWatch, visitInotify } from '../../src/posix/inotify.js';
import { allocate } from '../../src/posix/memory.js';
import { S } from '../../src/posix/stat.js';
import { onEachFileSystem } from './scratch.js';

const memory = allocate(65536);

interface Event {
  watch: number;
  mask: number;
  cookie: number;
  name: string;
}

function parsed(length: number): Event[] {
  const events: Event[] = [];
  visitInotify(memory, length, (watch, mask, name, cookie) => events.push({ watch, mask, cookie, name }));
  return events;
}

onEachFileSystem('inotify', (scratch) => {
  let fd = -1;

  beforeEach(() => {
    fd = inotifyInit();
    expect(fd).toBeGreaterThanOrEqual(0);
  });

  afterEach(() => {
    close(fd);
  });

  function events(): Event[] {
    const length = read(fd, memory.address, memory.length);
    return length === -E.EAGAIN ? [] : parsed(length);
  }

  test('names, moves with their cookie, and the end of a watch', () => {
    const watch = inotifyAddWatch(fd, scratch.path, IN.CREATE | IN.DELETE | IN.MOVED_FROM | IN.MOVED_TO | IN.ONLYDIR);
    expect(watch).toBeGreaterThan(0);
    expect(events()).toEqual([]);
    mknodat(scratch.fd, '\xff'.repeat(16), S.IFREG | 0o600, 0, 0);
    mkdirSync(join(scratch.path, 'd'));
    renameat2(scratch.fd, '\xff'.repeat(16), scratch.fd, 'b', 0);
    unlinkat(scratch.fd, 'b', 0);
    const seen = events();
    const cookie = seen[2]?.cookie;
    expect(cookie).not.toBe(0);
    expect(seen).toEqual([
      { watch, mask: IN.CREATE, cookie: 0, name: '\xff'.repeat(16) },
      { watch, mask: IN.CREATE | IN.ISDIR, cookie: 0, name: 'd' },
      { watch, mask: IN.MOVED_FROM, cookie, name: '\xff'.repeat(16) },
      { watch, mask: IN.MOVED_TO, cookie, name: 'b' },
      { watch, mask: IN.DELETE, cookie: 0, name: 'b' },
    ]);
    expect(inotifyRmWatch(fd, watch)).toBe(0);
    expect(events()).toEqual([{ watch, mask: IN.IGNORED, cookie: 0, name: '' }]);
    expect(inotifyRmWatch(fd, watch)).toBe(-E.EINVAL);
  });

  test('a directory that is known by its descriptor, wherever it moves', () => {
    mkdirSync(join(scratch.path, 'd'));
    const target = openat(scratch.fd, 'd', O.PATH | O.DIRECTORY, 0);
    renameSync(join(scratch.path, 'd'), join(scratch.path, 'e'));
    const watch = inotifyAddWatchFd(fd, target, IN.CREATE);
    close(target);
    writeFileSync(join(scratch.path, 'e/f'), '');
    expect(events()).toEqual([{ watch, mask: IN.CREATE, cookie: 0, name: 'f' }]);
  });

  test('errors', () => {
    writeFileSync(join(scratch.path, 'f'), '');
    symlinkSync('.', join(scratch.path, 'l'));
    expect(inotifyAddWatch(fd, join(scratch.path, 'none'), IN.CREATE)).toBe(-E.ENOENT);
    expect(inotifyAddWatch(fd, join(scratch.path, 'f'), IN.CREATE | IN.ONLYDIR)).toBe(-E.ENOTDIR);
    expect(inotifyAddWatch(fd, join(scratch.path, 'l'), IN.CREATE | IN.ONLYDIR | IN.DONT_FOLLOW)).toBe(-E.ENOTDIR);
    expect(inotifyAddWatch(fd, scratch.path, 0)).toBe(-E.EINVAL);
    expect(inotifyAddWatch(12345, scratch.path, IN.CREATE)).toBe(-E.EBADF);
    expect(inotifyAddWatch(fd, '\0', IN.CREATE)).toBe(-E.EINVAL);
  });
});

test('an overflow has no watch', () => {
  memory.u32.set([0xffffffff, IN.Q_OVERFLOW, 0, 0]);
  expect(parsed(16)).toEqual([{ watch: -1, mask: IN.Q_OVERFLOW, cookie: 0, name: '' }]);
});
