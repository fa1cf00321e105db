/**
 * A worker's main module that serves the first branch's directory as it is, but takes its time over files whose name
 * begins with `slow`: 50 ms for each READ, three seconds for fsync.
 */
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { type MessagePort, workerData } from 'node:worker_threads';
import type { WorkerStart } from '../../src/fuse/kernel/messages.js';
import { runWorker } from '../../src/fuse/kernel/worker.js';
import { Loopback } from './loopback.js';

const { port, start } = workerData as { port: MessagePort; start: WorkerStart };
const never = new Int32Array(new SharedArrayBuffer(4));

function take(fd: number, milliseconds: number): void {
  if (basename(readlinkSync(`/proc/self/fd/${fd}`)).startsWith('slow')) Atomics.wait(never, 0, 0, milliseconds);
}

class Slow extends Loopback {
  override read(...args: Parameters<Loopback['read']>): number {
    take(args[0].fd, 50);
    return super.read(...args);
  }

  override fsync(...args: Parameters<Loopback['fsync']>): void {
    take(args[0].fd, 3000);
    super.fsync(...args);
  }
}

runWorker(port, start, (options, hooks) => new Slow(options.branches[0].path, 3600, hooks));
port.close();
