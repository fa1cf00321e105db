// Who may ask. The server listens on 127.0.0.1 only, but there every program and every page in a browser of this machine can
// reach it: other users, sites that send requests here, names of others that resolve to 127.0.0.1 (DNS rebinding).

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HttpError } from './error.js';

/** What is printed has the token, works once, and gives a cookie that works until the program ends. */
export class Access {
  readonly token = secret();
  readonly #session = secret();
  readonly #cookie: string;
  readonly #hosts: readonly string[];
  #isUsed = false;

  constructor(port: number) {
    // Cookies are for all ports of a host: several of these programs must not meet in one.
    this.#cookie = `tsaufs-ui-${port}`;
    this.#hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  }

  /** @throws HttpError for what no page of ours sends */
  check({ headers, method }: IncomingMessage): void {
    const { host, origin } = headers;
    if (host === undefined || !this.#hosts.includes(host)) throw new HttpError(421, 'this is not the host that the request is for');
    if (origin !== undefined && origin !== `http://${host}`) throw new HttpError(403, 'the request comes from another site');
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new HttpError(403, 'the request comes from another site');
    if (method === 'POST' && !/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) {
      throw new HttpError(415, 'the content-type must be application/json');
    }
  }

  /**
   * Takes the token. A browser that has the cookie may show it again, others may not.
   * @returns the cookie to set, undefined for who has it
   * @throws HttpError
   */
  enter(token: string, request: IncomingMessage): string | undefined {
    if (this.isIn(request)) return undefined;
    const fits = isSame(token, this.token);
    if (!fits || this.#isUsed) {
      throw new HttpError(403, `this address ${fits ? 'has been used' : 'is not valid'}; run tsaufs ui again for another`);
    }
    this.#isUsed = true;
    return `${this.#cookie}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`;
  }

  isIn({ headers }: IncomingMessage): boolean {
    return (headers.cookie ?? '').split(';').some((each) => {
      const [name, value] = each.trim().split('=', 2) as [string, string?];
      return name === this.#cookie && value !== undefined && isSame(value, this.#session);
    });
  }
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

/** In the same time whichever part differs. */
function isSame(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}
