import { readFileSync, writeFileSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { close, O, openat, read, write } from '../../src/posix/file.js';
import { allocate } from '../../src/posix/memory.js';
import { receiveFd, sendFd, socketpair } from '../../src/posix/socket.js';
import { onEachFileSystem } from './scratch.js';

const memory = allocate(64);
let near = -1;
let far = -1;

beforeEach(() => {
  [near, far] = socketpair();
});

afterEach(() => {
  close(near);
  close(far);
});

test('a pair carries bytes, close-on-exec', () => {
  memory.bytes.write('hello');
  expect(write(near, memory.address, 5)).toBe(5);
  expect(read(far, memory.address + 32, 32)).toBe(5);
  expect(memory.bytes.toString('latin1', 32, 37)).toBe('hello');
  expect(readFileSync(`/proc/self/fdinfo/${near}`, 'utf8')).toMatch(/^flags:\s+02000002$/m);
});

onEachFileSystem('passing a descriptor', (scratch) => {
  test('the receiver has the same open file, close-on-exec', () => {
    writeFileSync(join(scratch.path, 'f'), 'content');
    const fd = openat(scratch.fd, 'f', O.RDONLY, 0);
    expect(sendFd(near, fd)).toBe(1);
    const passed = receiveFd(far);
    expect(passed).toBeGreaterThanOrEqual(0);
    expect(passed).not.toBe(fd);
    expect(fstatSync(passed).ino).toBe(fstatSync(fd).ino);
    close(fd);
    expect(read(passed, memory.address, 64)).toBe(7);
    expect(readFileSync(`/proc/self/fdinfo/${passed}`, 'utf8')).toMatch(/^flags:\s+02\d{6}$/m);
    close(passed);
  });

  test('one after another', () => {
    expect([sendFd(near, scratch.fd), sendFd(near, scratch.fd)]).toEqual([1, 1]);
    const passed = [receiveFd(far), receiveFd(far)];
    expect(new Set([...passed, scratch.fd]).size).toBe(3);
    for (const fd of passed) expect(close(fd)).toBe(0);
  });
});

test('messages without a descriptor, and the end', () => {
  write(near, memory.address, 1);
  expect(receiveFd(far)).toBe(-E.EBADMSG);
  close(near);
  near = -1;
  expect(receiveFd(far)).toBe(-E.ENODATA);
  expect(sendFd(far, 0)).toBe(-E.EPIPE);
});

test('no descriptor, no socket', () => {
  expect(sendFd(near, 12345)).toBe(-E.EBADF);
  expect(receiveFd(12345)).toBe(-E.EBADF);
  const fd = openat(-100, '/dev/null', O.RDWR, 0);
  expect(receiveFd(fd)).toBe(-E.ENOTSOCK);
  close(fd);
});

test('the memory of messages outlives a garbage collection', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // What was freed would be handed out again here.
  const others = Array.from({ length: 2000 }, () => allocate(16));
  for (const { bytes } of others) bytes.fill(0xff);
  expect(sendFd(near, far)).toBe(1);
  const passed = receiveFd(far);
  expect(passed).toBeGreaterThanOrEqual(0);
  close(passed);
});
