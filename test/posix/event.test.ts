import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { EFD, eventfd, eventfdAdd, eventfdTake, pidfdOpen, POLL, poll } from '../../src/posix/event.js';
import { close } from '../../src/posix/file.js';
import { socketpair } from '../../src/posix/socket.js';

const opened: number[] = [];

afterEach(() => {
  for (const fd of opened.splice(0)) close(fd);
});

function make(initial = 0, flags = 0): number {
  const fd = eventfd(initial, EFD.NONBLOCK | flags);
  expect(fd).toBeGreaterThanOrEqual(0);
  opened.push(fd);
  return fd;
}

test('eventfd counts', () => {
  const fd = make(3);
  expect(eventfdAdd(fd)).toBe(8);
  expect(eventfdAdd(fd, 2 ** 40)).toBe(8);
  expect(eventfdTake(fd)).toBe(4 + 2 ** 40);
  expect(eventfdTake(fd)).toBe(-E.EAGAIN);
  const semaphore = make(2, EFD.SEMAPHORE);
  expect([eventfdTake(semaphore), eventfdTake(semaphore)]).toEqual([1, 1]);
  expect(eventfdTake(semaphore)).toBe(-E.EAGAIN);
  expect(eventfdAdd(12345)).toBe(-E.EBADF);
});

test('poll tells who has what', () => {
  const idle = make();
  const ready = make(1);
  const fds = [
    { fd: idle, events: POLL.IN, revents: -1 },
    { fd: ready, events: POLL.IN | POLL.OUT, revents: -1 },
    { fd: -1, events: POLL.IN, revents: -1 },
    { fd: 12345, events: POLL.IN, revents: -1 },
  ];
  expect(poll(fds, 0)).toBe(2);
  expect(fds.map(({ revents }) => revents)).toEqual([0, POLL.IN | POLL.OUT, 0, POLL.NVAL]);
  eventfdTake(ready);
  expect(poll(fds.slice(0, 1), 0)).toBe(0);
  expect(poll(fds.slice(0, 1), 1.5)).toBe(0);
});

test('poll of many', () => {
  const fds = Array.from({ length: 100 }, (_, i) => ({ fd: make(i % 2), events: POLL.IN, revents: 0 }));
  expect(poll(fds, -1)).toBe(50);
  expect(fds.map(({ revents }) => revents)).toEqual(fds.map((_, i) => (i % 2 ? POLL.IN : 0)));
});

/** What is reported of one descriptor that is asked for input. */
function polled(fd: number, milliseconds: number): number {
  const one = { fd, events: POLL.IN, revents: 0 };
  poll([one], milliseconds);
  return one.revents;
}

test('poll tells of a hang-up and of what is no descriptor', () => {
  const [near, far] = socketpair();
  close(far);
  expect(polled(near, 0)).toBe(POLL.IN | POLL.HUP);
  close(near);
  expect(polled(12345, 0)).toBe(POLL.NVAL);
});

test('pidfdOpen tells of the end of a process', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  try {
    await once(child, 'spawn');
    const fd = pidfdOpen(child.pid ?? 0);
    opened.push(fd);
    expect(polled(fd, 0)).toBe(0);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    expect(polled(fd, -1)).toBe(POLL.IN);
    const [, signal] = (await ended) as [number | null, NodeJS.Signals];
    expect(constants.signals[signal]).toBe(9);
  } finally {
    child.kill('SIGKILL');
  }
  expect(pidfdOpen(-1)).toBe(-E.EINVAL);
});
