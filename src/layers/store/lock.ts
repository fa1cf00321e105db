import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { E, Errno } from '../../posix/errno.js';
import { flock, LOCK } from '../../posix/file.js';
import { ImageError } from '../image-error.js';
import type { ImageStore } from './store.js';
import { reason } from './files.js';

/** Milliseconds between looks: waiting in the kernel could not be interrupted by ^C. */
const PAUSE = 100;

/**
 * Does something while no other process changes the store; with `shared` others may read it, too. The lock goes with the
 * process, however it ends.
 * @param waiting called once where another has the lock
 */
export async function withLock<T>(
  store: ImageStore, kind: 'exclusive' | 'shared', waiting: () => void, work: () => Promise<T>,
): Promise<T> {
  const fd = openLock(store.lockFile);
  try {
    const operation = (kind === 'shared' ? LOCK.SH : LOCK.EX) | LOCK.NB;
    for (let told = false; ;) {
      const result = flock(fd, operation);
      if (result === 0) break;
      if (result !== -E.EWOULDBLOCK && result !== -E.EINTR) throw new ImageError(`${store.lockFile} cannot be locked: ${new Errno(-result).message}`);
      if (!told) waiting();
      told = true;
      await sleep(PAUSE);
    }
    return await work();
  } finally {
    closeSync(fd);
  }
}

function openLock(file: string): number {
  try {
    return openSync(file, 'r+');
  } catch (error) {
    throw new ImageError(`${file} cannot be opened: ${reason(error)}`);
  }
}
