import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readDirectory } from '../../src/posix/directory.js';
import { Errno } from '../../src/posix/errno.js';
import { withDirectories } from '../../src/posix/open-directories.js';

const open = () => readdirSync('/proc/self/fd').length;

test('directories are open while they are used, and closed afterwards', () => {
  const before = open();
  const names: string[] = [];
  withDirectories(['/proc/self', '/'], (fds) => {
    expect(open()).toBe(before + 2);
    for (const fd of fds) readDirectory(fd, (name) => void names.push(name));
  });
  expect(names).toEqual(expect.arrayContaining(['status', 'proc']));
  expect(open()).toBe(before);
});

test('one that cannot be opened is named, and the others are closed', () => {
  const before = open();
  let used = false;
  expect(() => withDirectories(['/', '/no/such'], () => void (used = true))).toThrow(Errno);
  expect(() => withDirectories(['/', '/proc/version'], () => void (used = true))).toThrow(/ENOTDIR.*\/proc\/version/);
  expect(used).toBe(false);
  expect(open()).toBe(before);
});
