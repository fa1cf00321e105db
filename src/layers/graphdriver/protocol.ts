// Docker's protocol for graph driver plugins: one POST for each verb, JSON both ways but for the archives. An error is
// {"Err": "..."} with a status other than 200.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DriverError } from './error.js';
import type { GraphDriver } from './driver.js';
import type { IdRange } from './owner.js';
import type { Log } from './log.js';

const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json';

/** Bytes of a request other than an archive. */
const LARGEST_REQUEST = 1 << 20;

type Fields = Readonly<Record<string, unknown>>;
type Verb = (driver: GraphDriver, fields: Fields) => Promise<object>;

/** Verbs that take JSON and give JSON. */
const verbs = new Map<string, Verb>([
  ['Plugin.Activate', () => Promise.resolve({ Implements: ['GraphDriver'] })],
  ['GraphDriver.Init', async (driver, fields) => {
    await driver.init({
      home: text(fields, 'Home'),
      options: list(fields, 'Opts', isText),
      uidMaps: list(fields, 'UIDMaps', isRange),
      gidMaps: list(fields, 'GIDMaps', isRange),
    });
    return {};
  }],
  // A layer's archive is not kept as it came: Docker keeps what it needs to make it again.
  ['GraphDriver.Capabilities', () => Promise.resolve({ Capabilities: { ReproducesExactDiffs: false } })],
  ['GraphDriver.Create', create],
  ['GraphDriver.CreateReadWrite', create],
  ['GraphDriver.Remove', async (driver, fields) => {
    await driver.remove(text(fields, 'ID'));
    return {};
  }],
  ['GraphDriver.Get', async (driver, fields) => ({ Dir: await driver.get(text(fields, 'ID'), text(fields, 'MountLabel')) })],
  ['GraphDriver.Put', async (driver, fields) => {
    await driver.put(text(fields, 'ID'));
    return {};
  }],
  ['GraphDriver.Exists', async (driver, fields) => ({ Exists: await driver.exists(text(fields, 'ID')) })],
  ['GraphDriver.Status', async (driver) => ({ Status: await driver.status() })],
  ['GraphDriver.GetMetadata', async (driver, fields) => ({ Metadata: await driver.metadata(text(fields, 'ID')) })],
  ['GraphDriver.Cleanup', async (driver) => {
    await driver.cleanup();
    return {};
  }],
  ['GraphDriver.Changes', async (driver, fields) => ({ Changes: await driver.changes(text(fields, 'ID'), text(fields, 'Parent')) })],
  ['GraphDriver.DiffSize', async (driver, fields) => ({ Size: await driver.diffSize(text(fields, 'ID'), text(fields, 'Parent')) })],
]);

async function create(driver: GraphDriver, fields: Fields): Promise<object> {
  const storageOptions = fields['StorageOpt'] ?? {};
  if (typeof storageOptions !== 'object') throw new DriverError('StorageOpt is not an object');
  await driver.create({
    id: text(fields, 'ID'),
    parent: text(fields, 'Parent'),
    mountLabel: text(fields, 'MountLabel'),
    storageOptions: storageOptions as Record<string, string>,
  });
  return {};
}

/** A server of the protocol, not listening yet. */
export function protocolServer(driver: GraphDriver, log: Log): Server {
  const server = createServer((request, response) => void answer(driver, log, request, response));
  // An archive takes as long as it takes.
  server.requestTimeout = 0;
  // Docker would lose a call that meets the end of an idle connection.
  server.keepAliveTimeout = 0;
  return server;
}

async function answer(driver: GraphDriver, log: Log, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://plugin');
  const name = url.pathname.slice(1);
  try {
    const known = verbs.has(name) || name === 'GraphDriver.Diff' || name === 'GraphDriver.ApplyDiff';
    if (!known) {
      log('warn', 'Docker asks for what there is not', { name });
      await refuse(request, response, 404, `there is no ${name} here`);
    } else if (request.method !== 'POST') {
      await refuse(request, response, 405, 'calls are made with POST');
    } else {
      const reply = await call(driver, name, url, request, response);
      if (reply !== undefined) send(response, 200, reply);
      log('debug', name);
    }
  } catch (error) {
    const line = error instanceof Error ? error.message.trim().replace(/\s*\n\s*/g, '; ') : String(error);
    log('error', `${name} failed`, { error: line });
    // In the middle of an archive there is no place for an error: Docker must not take what it has for all.
    if (response.headersSent) response.destroy();
    else await refuse(request, response, 500, line);
  }
}

/** Undefined where the reply has been sent. */
async function call(
  driver: GraphDriver, name: string, url: URL, request: IncomingMessage, response: ServerResponse,
): Promise<object | undefined> {
  if (name === 'GraphDriver.ApplyDiff') {
    const size = await driver.applyDiff(url.searchParams.get('id') ?? '', url.searchParams.get('parent') ?? '', bodyOf(request));
    return { Size: size };
  }
  const fields = await readFields(request);
  if (name !== 'GraphDriver.Diff') return verbs.get(name)!(driver, fields);
  const archive = await driver.diff(text(fields, 'ID'), text(fields, 'Parent'));
  response.writeHead(200, { 'Content-Type': 'application/x-tar' });
  await pipeline(archive, response);
  return undefined;
}

/** A stream of its own: who destroys the request's closes the connection, and Docker would send the rest once more. */
function bodyOf(request: IncomingMessage): Readable {
  const body = new PassThrough();
  request.pipe(body);
  request.once('error', (error) => body.destroy(error));
  return body;
}

/** What is left of the request is read: Docker looks for an answer only when it has sent all. */
async function refuse(request: IncomingMessage, response: ServerResponse, status: number, line: string): Promise<void> {
  if (!request.complete && !request.destroyed) {
    request.unpipe();
    request.resume();
    await new Promise((resolve) => request.once('end', resolve).once('close', resolve));
  }
  send(response, status, { Err: line });
}

function send(response: ServerResponse, status: number, reply: object): void {
  response.writeHead(status, { 'Content-Type': CONTENT_TYPE });
  response.end(`${JSON.stringify(reply)}\n`);
}

async function readFields(request: IncomingMessage): Promise<Fields> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    // To its end all the same: who leaves the loop closes the connection.
    if (size <= LARGEST_REQUEST) pieces.push(piece);
  }
  if (size > LARGEST_REQUEST) throw new DriverError('the request is too large');
  if (size === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    throw new DriverError('the request is no JSON');
  }
  if (typeof value !== 'object' || value === null) throw new DriverError('the request is no object');
  return value as Fields;
}

/** '' where it is missing: Docker leaves empty fields out. */
function text(fields: Fields, name: string): string {
  const value = fields[name] ?? '';
  if (typeof value !== 'string') throw new DriverError(`${name} is not a string`);
  return value;
}

/** Go writes null for an empty list. */
function list<Item>(fields: Fields, name: string, isItem: (value: unknown) => value is Item): Item[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value) || !value.every(isItem)) throw new DriverError(`${name} is not a list as it should be`);
  return value;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isRange(value: unknown): value is IdRange {
  const range = value as Partial<Record<keyof IdRange, unknown>> | null;
  return [range?.container_id, range?.host_id, range?.size].every((number) => Number.isSafeInteger(number));
}
