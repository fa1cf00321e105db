// System calls that may wait long, made by a helper: the request is suspended and gets the result when it begins anew.

import { E, Errno, must } from '../posix/errno.js';
import { O, close, dup, openat, pread, preadNowait, pwrite, syncfs } from '../posix/file.js';
import { type Block, allocate, copyMemory } from '../posix/memory.js';
import { NR } from '../posix/syscall.js';
import type { Branch } from './branch.js';
import { PACE } from './pace.js';
import type { UnionState } from './state.js';
import { Suspended, type Work } from './suspended.js';

/** Where it is not known beforehand: what took so many milliseconds is left to helpers for so many more. */
const SLOW = 5;
const SLOW_FOR = 1000;

/** What one request waits for. */
class SlowCall implements Work {
  result = 0;
  private again: (() => void) | null = null;

  /** `orphaned` hears the result where the request was interrupted. */
  constructor(
    private readonly ends: 'always' | 'when dying' | 'never',
    private readonly orphaned: (result: number) => void = () => undefined,
  ) {}

  wait(again: () => void): void {
    this.again = again;
  }

  interrupt(_again: () => void, dying: boolean): boolean {
    if (this.ends === 'never' || (this.ends === 'when dying' && !dying)) return false;
    this.again = null;
    return true;
  }

  finish(result: number): void {
    this.result = result;
    if (this.again === null) this.orphaned(result);
    else this.again();
  }
}

// --- fsync ------------------------------------------------------------------------------------------

class Sync extends SlowCall {}

/** With `volatile`: what the kernel hears it does not ask again, and says to its caller that it is done. */
export function neverSynced(u: UnionState): void {
  if (u.options.volatile) throw new Errno(E.ENOSYS);
}

/** The result of the sync that the request was suspended for; null if it has just begun. */
export function synced(u: UnionState): number | null {
  return u.resumed instanceof Sync ? u.resumed.result : null;
}

/**
 * Has open files synchronised by `nr` (fsync, fdatasync, syncfs), and closes them. The result is the first error or 0.
 * `orphaned` hears it where nobody waits any more: an error is told once only.
 */
export function syncAside(u: UnionState, nr: number, fds: readonly number[], orphaned?: (result: number) => void): never {
  const sync = new Sync('always', orphaned);
  let left = fds.length;
  let first = 0;
  for (const fd of fds) {
    u.helpers!.call('sync', nr, [fd], (result) => {
      close(fd);
      if (result < 0 && first === 0) first = result;
      if (--left === 0) sync.finish(first);
    });
  }
  throw new Suspended(sync);
}

/** Writes all branches' data out (syncfs(2)). */
export function syncAll(u: UnionState): void {
  neverSynced(u);
  const result = synced(u);
  if (result !== null) return void must(result);
  const aside: number[] = [];
  for (const branch of u.branches) {
    if (!branch.writable) continue;
    const fd = openat(branch.root, '.', O.RDONLY | O.DIRECTORY, 0);
    if (fd < 0) continue;
    if (u.helpers !== null && branch.pace !== PACE.MEMORY) {
      aside.push(fd);
      continue;
    }
    const done = syncfs(fd);
    close(fd);
    must(done);
  }
  if (aside.length > 0) syncAside(u, NR.syncfs, aside);
}

// --- read -------------------------------------------------------------------------------------------

/** Memory to read into; kept for the next. */
const spare: Block[] = [];
const MOST_SPARE = 4;
const LEAST_ROOM = 128 * 1024;

function takeBlock(size: number): Block {
  const at = spare.findIndex((block) => block.length >= size);
  return at >= 0 ? spare.splice(at, 1)[0] : allocate(Math.max(size, LEAST_ROOM));
}

function giveBlock(block: Block): void {
  if (spare.length < MOST_SPARE) spare.push(block);
}

class Read extends SlowCall {
  constructor(readonly block: Block) {
    // A page fault that failed with EINTR would kill a program that handles the signal.
    super('when dying', () => giveBlock(block));
  }
}

/** READ from a file on a branch that may make us wait. Returns the bytes read, fewer at the end of the file. */
export function readSlowly(
  u: UnionState, branch: Branch, fd: number, address: number, size: number, offset: number,
): number {
  const { resumed } = u;
  if (resumed instanceof Read) {
    const { block, result } = resumed;
    if (result > 0) copyMemory(address, block.address, result);
    giveBlock(block);
    return must(result);
  }
  if (u.helpers === null) return must(pread(fd, address, size, offset));
  if (branch.pace === PACE.DISK) {
    const got = readCached(branch, fd, address, size, offset);
    if (got >= 0) return got;
  }
  if (branch.pace === PACE.UNKNOWN && performance.now() >= branch.slowUntil) return readTimed(branch, fd, address, size, offset);
  return readAside(u, fd, size, offset);
}

/** What is in memory already, if that is all; -1 where it is not. */
function readCached(branch: Branch, fd: number, address: number, size: number, offset: number): number {
  let got = 0;
  for (;;) {
    const more = preadNowait(fd, address + got, size - got, offset + got);
    if (more === -E.EAGAIN) return -1;
    if (more === -E.EOPNOTSUPP || more === -E.ENOSYS || more === -E.EINVAL) {
      branch.pace = PACE.UNKNOWN;
      return -1;
    }
    got += must(more);
    // What is missing begins with a page: elsewhere the file ends.
    if (more === 0 || got === size || (offset + got) % 4096 !== 0) return got;
  }
}

function readTimed(branch: Branch, fd: number, address: number, size: number, offset: number): number {
  const start = performance.now();
  const got = must(pread(fd, address, size, offset));
  noteTime(branch, start);
  return got;
}

function readAside(u: UnionState, fd: number, size: number, offset: number): never {
  // The handle may go over to a copy meanwhile.
  const own = must(dup(fd));
  const block = takeBlock(size);
  const read = new Read(block);
  u.helpers!.call('read', NR.pread64, [own, block.address, size, offset], (result) => {
    close(own);
    read.finish(result);
  });
  throw new Suspended(read);
}

// --- write ------------------------------------------------------------------------------------------

/** Less than that is written at once on a disk: it is the large writes that the kernel makes wait for the disk. */
const LARGE_WRITE = 64 * 1024;

class Write extends SlowCall {
  constructor(readonly block: Block) {
    // The data would come to the file later, after what others have written who did not wait.
    super('never');
  }
}

/** The result of the write that the request was suspended for; null if it has just begun. */
export function written(u: UnionState): number | null {
  const { resumed } = u;
  if (!(resumed instanceof Write)) return null;
  giveBlock(resumed.block);
  return resumed.result;
}

/**
 * WRITE to a file on a branch that may make us wait: a disk does when there is much that it has not written yet (the
 * kernel then slows down who writes, up to 200 ms a write). Returns the bytes written.
 */
export function writeSlowly(
  u: UnionState, branch: Branch, fd: number, address: number, size: number, offset: number,
): number {
  const remote = branch.pace === PACE.REMOTE;
  if (u.helpers === null || (!remote && size < LARGE_WRITE)) return must(pwrite(fd, address, size, offset));
  const start = performance.now();
  if (remote || start < branch.slowUntil) return writeAside(u, branch, fd, address, size, offset);
  const put = must(pwrite(fd, address, size, offset));
  noteTime(branch, start);
  return put;
}

function noteTime(branch: Branch, start: number): void {
  const end = performance.now();
  if (end - start > SLOW) branch.slowUntil = end + SLOW_FOR;
}

function writeAside(u: UnionState, branch: Branch, fd: number, address: number, size: number, offset: number): never {
  const own = must(dup(fd));
  const block = takeBlock(size);
  copyMemory(block.address, address, size);
  const write = new Write(block);
  const start = performance.now();
  u.helpers!.call('write', NR.pwrite64, [own, block.address, size, offset], (result) => {
    noteTime(branch, start);
    close(own);
    write.finish(result);
  });
  throw new Suspended(write);
}
