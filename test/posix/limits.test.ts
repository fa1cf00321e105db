import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { getNofile, raiseNofile, setNofile } from '../../src/posix/limits.js';

const original = getNofile();

afterEach(() => {
  setNofile(original.soft, original.hard);
});

function shown(): number[] {
  const line = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return [line?.[1], line?.[2]].map((text) => (text === 'unlimited' ? Infinity : Number(text)));
}

test('the limits are those the kernel shows', () => {
  expect([original.soft, original.hard]).toEqual(shown());
});

test('the soft limit moves up to the hard one', () => {
  expect(setNofile(500, original.hard)).toBe(0);
  expect(getNofile()).toEqual({ soft: 500, hard: original.hard });
  expect(shown()).toEqual([500, original.hard]);
  expect(setNofile(original.hard, original.hard)).toBe(0);
  expect(getNofile().soft).toBe(original.hard);
});

test('raised as far as it may be', () => {
  expect(setNofile(500, original.hard)).toBe(0);
  const most = Number(readFileSync('/proc/sys/fs/nr_open', 'utf8'));
  expect([most, original.hard]).toContain(raiseNofile());
  expect(getNofile().soft).toBe(getNofile().hard);
});

test('errors', () => {
  expect(setNofile(501, 500)).toBe(-E.EINVAL);
  // No process may have more than fs.nr_open, not even root's.
  expect(setNofile(500, Infinity)).toBe(-E.EPERM);
  expect(getNofile()).toEqual(original);
});
