// A digest made by another thread. Of a large layer it takes a quarter of the time; beside the writing of the files it takes
// none. What it digests is not copied: pieces lie in memory that the threads share (layer-file.ts).

import { Worker } from 'node:worker_threads';

/** Bytes that may wait for the thread, in memory. */
const AHEAD = 32 << 20;

export class DigestThread {
  private readonly worker = new Worker(new URL('./digest-thread-main.js', import.meta.url), { execArgv: [] });
  private waiting = 0;
  /** What the thread has not digested yet, in order. */
  private readonly queue: Buffer[] = [];
  private onRoom: (() => void) | null = null;
  private settle: { resolve: (digest: string) => void; reject: (error: Error) => void } | null = null;
  private failure: Error | null = null;

  /** In tests, which run the sources themselves, there is no compiled file for a thread. */
  static isPossible(): boolean {
    return import.meta.url.endsWith('.js');
  }

  /** `digested` is told of each piece that need not be kept any longer. */
  constructor(private readonly digested: (piece: Buffer) => void) {
    this.worker.on('message', (message: number | string) => {
      if (typeof message === 'string') this.settle?.resolve(message);
      else this.done(message);
    });
    this.worker.on('error', (error) => {
      this.failure = error;
      this.settle?.reject(error);
      this.onRoom?.();
    });
  }

  /** `piece` must not change any more. Calls `room` at once, or when enough of what waits is digested. */
  update(piece: Buffer, room: () => void): void {
    this.waiting += piece.length;
    this.queue.push(piece);
    this.worker.postMessage(piece);
    if (this.waiting <= AHEAD || this.failure !== null) room();
    else this.onRoom = room;
  }

  private done(bytes: number): void {
    this.waiting -= bytes;
    this.digested(this.queue.shift()!);
    if (this.waiting > AHEAD) return;
    const room = this.onRoom;
    this.onRoom = null;
    room?.();
  }

  /** The digest of all, in hex. The thread ends then. */
  finish(): Promise<string> {
    if (this.failure !== null) return Promise.reject(this.failure);
    this.worker.postMessage(null);
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
  }

  /** Nobody needs the digest. */
  end(): void {
    void this.worker.terminate();
  }
}
