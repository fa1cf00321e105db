import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { NR, sys0, sys1, sys2, sys3, sys4, sys5, sys6 } from '../../src/posix/syscall.js';

test('calls of every arity reach the kernel', () => {
  expect(sys0(NR.getpid)).toBe(process.pid);
  const closed = 12345;
  expect(sys1(NR.close, closed)).toBe(-E.EBADF);
  expect(sys2(NR.ftruncate, closed, 0)).toBe(-E.EBADF);
  expect(sys3(NR.lseek, closed, 0, 0)).toBe(-E.EBADF);
  expect(sys4(NR.pread64, closed, 0, 0, 0)).toBe(-E.EBADF);
  expect(sys5(NR.preadv, closed, 0, 0, 0, 0)).toBe(-E.EBADF);
  expect(sys6(NR.copy_file_range, closed, 0, closed, 0, 1, 0)).toBe(-E.EBADF);
});

test('a call the kernel lacks is ENOSYS', () => {
  expect(sys0(100_000)).toBe(-E.ENOSYS);
});

test('errno belongs to the call just made', () => {
  for (let i = 0; i < 1000; i++) {
    expect(sys1(NR.close, -1)).toBe(-E.EBADF);
    expect(sys3(NR.lseek, 0, 0, 99)).toBe(-E.EINVAL);
    expect(sys0(NR.getpid)).toBe(process.pid);
  }
});

test('numbers agree with the kernel headers, where they are installed', ({ skip }) => {
  const header = { x64: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h', arm64: '/usr/include/asm-generic/unistd.h' };
  let text = '';
  try {
    text = readFileSync(header[process.arch as keyof typeof header], 'utf8');
  } catch {
    skip();
  }
  const numbers = new Map<string, number>();
  for (const [, name, number] of text.matchAll(/^#define __NR(?:3264)?_(\w+) (\d+)$/gm)) numbers.set(name, Number(number));
  const compared = Object.entries(NR).filter(([name]) => numbers.has(name));
  expect(compared.length).toBeGreaterThan(60);
  for (const [name, number] of compared) expect([name, number]).toEqual([name, numbers.get(name)]);
});
