import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { E, Errno, errnoName, errnoText, must } from '../../src/posix/errno.js';

test('every number is the one Node.js knows, where it knows the name', () => {
  const known = Object.entries(E).filter(([name]) => name in constants.errno);
  expect(known.length).toBeGreaterThan(70);
  for (const [name, code] of known) {
    expect([name, code]).toEqual([name, constants.errno[name as keyof typeof constants.errno]]);
  }
});

test('every number has its words', () => {
  for (const code of Object.values(E)) expect(errnoText(code)).not.toBe('unknown error');
});

test('names', () => {
  expect(errnoName(2)).toBe('ENOENT');
  expect(errnoName(-18)).toBe('EXDEV');
  expect(errnoName(11)).toBe('EAGAIN');
  expect(errnoName(95)).toBe('EOPNOTSUPP');
  expect(errnoName(4000)).toBe('E4000');
});

test('Errno carries number, name and one clear line', () => {
  const error = new Errno(2, '/a');
  expect(error).toBeInstanceOf(Error);
  expect(error.errno).toBe(2);
  expect(error.code).toBe('ENOENT');
  expect(error.message).toBe('ENOENT: no such file or directory, /a');
  expect(new Errno(17).message).toBe('EEXIST: file exists');
});

test('must passes results on and throws failures', () => {
  expect(must(0)).toBe(0);
  expect(must(42)).toBe(42);
  expect(() => must(-13, 'x')).toThrow('EACCES: permission denied, x');
});
