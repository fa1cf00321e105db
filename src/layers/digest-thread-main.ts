/** The thread of digest-thread.ts. */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

const hash = createHash('sha256');

parentPort!.on('message', (piece: Uint8Array | null) => {
  if (piece === null) {
    parentPort!.postMessage(hash.digest('hex'));
    parentPort!.close();
    return;
  }
  hash.update(piece);
  parentPort!.postMessage(piece.length);
});
