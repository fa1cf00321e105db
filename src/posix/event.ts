/**
 * Waiting: eventfd(2), poll(2), pidfd_open(2).
 */
import { read, write } from './file.js';
import { allocate, readU64, write64 } from './memory.js';
import { NR, sys2, sys5 } from './syscall.js';

/** Flags of eventfd(2). */
export const EFD = { SEMAPHORE: 1, NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;

/** Events of poll(2). ERR, HUP and NVAL are reported unasked. */
export const POLL = { IN: 1, PRI: 2, OUT: 4, ERR: 8, HUP: 16, NVAL: 32 } as const;

/** eventfd(2), always close-on-exec. */
export function eventfd(initial: number, flags: number): number {
  return sys2(NR.eventfd2, initial, flags | EFD.CLOEXEC);
}

const counter = allocate(8);

/** Adds to an eventfd's counter and wakes who waits for it. 8 or -errno. */
export function eventfdAdd(fd: number, amount = 1): number {
  write64(counter.u32, 0, amount);
  return write(fd, counter.address, 8);
}

/** Reads an eventfd's counter, which turns 0 (EFD.SEMAPHORE: goes down by 1). EAGAIN when 0 and not blocking. */
export function eventfdTake(fd: number): number {
  const result = read(fd, counter.address, 8);
  return result < 0 ? result : readU64(counter.u32, 0);
}

/** One descriptor to wait for; `revents` is filled in. A negative fd is passed over. */
export interface PollFd {
  fd: number;
  events: number;
  revents?: number;
}

// struct timespec { s64 sec; s64 nsec; }
const timeout = allocate(16);

/** The address of the time to wait, or 0 (NULL: for ever). */
function putTimeout(milliseconds: number): number {
  if (milliseconds < 0 || milliseconds === Infinity) return 0;
  const seconds = Math.floor(milliseconds / 1000);
  write64(timeout.u32, 0, seconds);
  timeout.u32[2] = Math.floor((milliseconds - seconds * 1000) * 1e6);
  return timeout.address;
}

let pollFds = allocate(16 * 8);

/**
 * poll(2). The time is in milliseconds, parts of one allowed; negative waits for ever. Returns how many descriptors have
 * something to report (0: time is up) or -errno (EINTR: a signal came).
 */
export function poll(fds: readonly PollFd[], milliseconds: number): number {
  if (pollFds.length < fds.length * 8) pollFds = allocate(fds.length * 8);
  // struct pollfd { int fd; short events; short revents; }
  const words = pollFds.u32;
  for (let i = 0; i < fds.length; i++) {
    words[i * 2] = fds[i].fd;
    words[i * 2 + 1] = fds[i].events & 0xffff;
  }
  const result = sys5(NR.ppoll, pollFds.address, fds.length, putTimeout(milliseconds), 0, 0);
  if (result < 0) return result;
  for (let i = 0; i < fds.length; i++) fds[i].revents = words[i * 2 + 1] >>> 16;
  return result;
}

/** pidfd_open(2), always close-on-exec: POLL.IN when the process ends. ENOSYS before Linux 5.3. */
export function pidfdOpen(pid: number): number {
  return sys2(NR.pidfd_open, pid, 0);
}
