// One page that listens: server-sent events (HTML standard, 9.2).

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** So often something is sent, so that nobody in between takes the connection for dead; in milliseconds. */
const HEARTBEAT = 15_000;

/** So long a page that does not read may keep us at the end, in milliseconds. */
const LAST_WORDS = 1000;

export class EventStream {
  /** Given when the page has gone, or was told the end. */
  readonly signal: AbortSignal;
  readonly #gone = new AbortController();
  readonly #heart: NodeJS.Timeout;

  constructor(private readonly response: ServerResponse) {
    this.signal = this.#gone.signal;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    // It reaches the page now, and says how soon to try again if the connection breaks.
    response.write('retry: 1000\n\n');
    this.#heart = setInterval(() => response.write(':\n\n'), HEARTBEAT);
    response.on('close', () => this.#stop());
    response.on('error', () => this.#stop());
  }

  /** A message without a name; no sooner done than there is room for more. `json` is one line. */
  async tell(json: string): Promise<void> {
    if (this.signal.aborted || this.response.write(`data: ${json}\n\n`)) return;
    await once(this.response, 'drain', { signal: this.signal }).catch(() => undefined);
  }

  send(name: string, data: object): void {
    if (!this.signal.aborted) this.response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** The last message. Resolves when it has been handed to the page's connection. */
  end(name: string, data: object): Promise<void> {
    this.send(name, data);
    if (this.signal.aborted) return Promise.resolve();
    this.#stop();
    const handedOver = new Promise<void>((resolve) => this.response.end(resolve));
    return Promise.race([handedOver, sleep(LAST_WORDS)]);
  }

  #stop(): void {
    clearInterval(this.#heart);
    this.#gone.abort();
  }
}
