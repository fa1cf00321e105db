// What is answered to each request.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { MountError } from '../daemon/error.js';
import { InspectError } from '../inspect/error.js';
import { Errno } from '../posix/errno.js';
import { UnionError } from '../union/branch.js';
import type { Access } from './access.js';
import { HttpError } from './error.js';
import { EventStream } from './event-stream.js';
import { bytesOf, pathOf } from './path.js';
import type { TourAnswer, Union } from './protocol.js';
import type { StaticFile } from './static-files.js';
import type { Subject } from './subject.js';
import { parseTourRequest } from './tour/request.js';
import { lessonList } from './tour/lessons.js';
import type { Tour } from './tour/tour.js';

interface Parts {
  access: Access;
  files: ReadonlyMap<string, StaticFile>;
  /** Null where there is only the tour. */
  subject: Subject | null;
  tour: Tour;
  /** After so many milliseconds without a page the tour ends. */
  patience: number;
}

/** On every answer: nothing of a page comes from elsewhere, and no other site has anything of it. */
const safety: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Requests are small: the longest has the name of a lesson. */
const maxBody = 4096;

export class Requests {
  readonly #streams = new Set<EventStream>();
  #goodbye: NodeJS.Timeout | undefined;

  constructor(private readonly parts: Parts) {
    parts.tour.onChange = () => {
      for (const stream of this.#streams) stream.send('tour', this.#tourNow());
      this.#awaitPages();
    };
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(safety)) response.setHeader(name, value);
    try {
      this.parts.access.check(request);
      await this.#route(request, response);
    } catch (error) {
      refuse(request, response, error);
    }
  }

  /** Tells the pages, and ends the tour. */
  async close(): Promise<void> {
    await Promise.all([...this.#streams].map((stream) => stream.end('quit', {})));
    await this.parts.tour.end();
    clearTimeout(this.#goodbye);
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { access, files } = this.parts;
    const [path, query = ''] = splitAt(request.url ?? '/', '?');
    const token = path === '/' ? bytesOf(query, 'token') : undefined;
    mustBe(request, path === '/api/tour' ? ['POST'] : files.has(path) ? ['GET', 'HEAD'] : ['GET']);
    if (token !== undefined) return this.#enter(token, request, response);
    if (!access.isIn(request)) throw new HttpError(401, 'this page belongs to who started it: open the address that tsaufs ui printed');
    const file = files.get(path);
    if (file !== undefined) send(response, 200, file.type, file.content);
    else if (path === '/api/events') this.#events(query, response);
    else if (path === '/api/tour') sendJson(response, 200, await this.#tour(request));
    else sendJson(response, 200, this.#tell(path, query));
  }

  /** Who has the address gets the cookie, and the address without the token: it stays in no history. */
  #enter(token: string, request: IncomingMessage, response: ServerResponse): void {
    const cookie = this.parts.access.enter(token, request);
    response.writeHead(303, { location: '/', ...(cookie === undefined ? {} : { 'set-cookie': cookie }) }).end();
  }

  #tell(path: string, query: string): object {
    switch (path) {
      case '/api/union': return this.#union(query);
      case '/api/directory': return this.#subjectOf(query).directory(pathOf(query));
      case '/api/explain': return this.#subjectOf(query).explain(pathOf(query));
      default: throw new HttpError(404, 'there is nothing here');
    }
  }

  #union(query: string): Union {
    const { subject, tour } = this.parts;
    const none = { mountpoint: null, options: '', readonly: false, branches: [] };
    const told = isOfTour(query) ? this.#subjectOf(query).describe() : subject?.describe() ?? none;
    return { ...told, lessons: lessonList(), tour: tour.state };
  }

  #subjectOf(query: string): Subject {
    const { subject, tour } = this.parts;
    const wanted = isOfTour(query) ? tour.subject : subject;
    if (wanted === null) throw new HttpError(404, isOfTour(query) ? 'there is no tour now' : 'there is only the tour: union=tour');
    return wanted;
  }

  #events(query: string, response: ServerResponse): void {
    const isTourOnly = !isOfTour(query) && this.parts.subject === null;
    const subject = isTourOnly ? null : this.#subjectOf(query);
    const stream = new EventStream(response);
    this.#streams.add(stream);
    clearTimeout(this.#goodbye);
    stream.signal.addEventListener('abort', () => {
      this.#streams.delete(stream);
      this.#awaitPages();
    });
    if (subject === null) stream.send('ready', {});
    else subject.listen(stream, bytesOf(query, 'lookups') === '1');
  }

  async #tour(request: IncomingMessage): Promise<TourAnswer> {
    const { tour } = this.parts;
    const wish = parseTourRequest(await bodyOf(request));
    if (wish.action === 'start') await tour.start(wish.lesson);
    else if (wish.action === 'step') await tour.step(wish.step);
    else await tour.end();
    return this.#tourNow();
  }

  #tourNow(): TourAnswer {
    return { tour: this.parts.tour.state };
  }

  /** A tour that nobody looks at any more ends. */
  #awaitPages(): void {
    clearTimeout(this.#goodbye);
    if (this.#streams.size > 0 || this.parts.tour.state === null) return;
    this.#goodbye = setTimeout(() => void this.parts.tour.end(), this.parts.patience);
  }
}

function isOfTour(query: string): boolean {
  return bytesOf(query, 'union') === 'tour';
}

function splitAt(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function mustBe({ method }: IncomingMessage, methods: readonly string[]): void {
  if (!methods.includes(method ?? '')) throw new HttpError(405, 'this cannot be done here', { allow: methods.join(', ') });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBody) throw new HttpError(413, 'the request is too long', { connection: 'close' });
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json; charset=utf-8', Buffer.from(JSON.stringify(body)));
}

function send(response: ServerResponse, status: number, type: string, content: Buffer): void {
  // To HEAD node:http answers without the content.
  response.writeHead(status, { 'content-type': type, 'content-length': content.length }).end(content);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const { status, message } = statusOf(error);
  if (error instanceof HttpError) for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
  if ((request.url ?? '').startsWith('/api/')) sendJson(response, status, { error: message });
  else send(response, status, 'text/plain; charset=utf-8', Buffer.from(`tsaufs: ${message}\n`));
}

function statusOf(error: unknown): { status: number; message: string } {
  if (error instanceof HttpError) return error;
  if (error instanceof Errno) return { status: error.code === 'EACCES' ? 403 : 409, message: `the branches cannot be read there: ${error.message}` };
  // The union has gone, or cannot be looked at: the page is told the end by its events.
  if (error instanceof MountError || error instanceof InspectError || error instanceof UnionError) return { status: 409, message: error.message };
  return { status: 500, message: `internal error, please report it: ${String(error)}` };
}
