/** The worker thread's main module. */
import { type MessagePort, workerData } from 'node:worker_threads';
import { Union } from '../../union/union.js';
import type { WorkerStart } from './messages.js';
import { runWorker } from './worker.js';

const { port, start } = workerData as { port: MessagePort; start: WorkerStart };
runWorker(port, start, (options, hooks) => new Union(options, hooks));
port.close();
