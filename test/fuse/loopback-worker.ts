/** A worker's main module that serves the first branch's directory as it is. */
import { type MessagePort, workerData } from 'node:worker_threads';
import type { WorkerStart } from '../../src/fuse/kernel/messages.js';
import { runWorker } from '../../src/fuse/kernel/worker.js';
import { Loopback } from './loopback.js';

const { port, start } = workerData as { port: MessagePort; start: WorkerStart };
runWorker(port, start, (options, hooks) => new Loopback(options.branches[0].path, 3600, hooks));
port.close();
