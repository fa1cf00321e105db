import { once } from 'node:events';
import { request, type IncomingMessage, type Server } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import tmp from 'tmp-promise';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { protocolServer } from '../../../src/layers/graphdriver/protocol.js';
import { FakeMounter, fill, newDriver } from './helpers.js';

let directory: tmp.DirectoryResult;
let socketPath: string;
let home: string;
let server: Server;

beforeEach(async () => {
  directory = await tmp.dir({ unsafeCleanup: true });
  socketPath = path.join(directory.path, 'socket');
  home = path.join(directory.path, 'home');
  server = protocolServer(newDriver(new FakeMounter(), { state: undefined }), () => undefined);
  server.listen(socketPath);
  await once(server, 'listening');
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await directory.cleanup();
});

interface Reply {
  status: number;
  body: unknown;
}

async function send(verb: string, body: string | NodeJS.ReadableStream, method = 'POST'): Promise<Reply> {
  const call = request({ socketPath, path: `/${verb}`, method });
  if (typeof body === 'string') call.end(body);
  else body.pipe(call);
  const [response] = await once(call, 'response') as [IncomingMessage];
  const reply = await text(response);
  return { status: response.statusCode!, body: reply.startsWith('{') ? JSON.parse(reply) as unknown : reply };
}

const call = (verb: string, fields: object = {}): Promise<Reply> => send(verb, JSON.stringify(fields));
const ok = (body: object): Reply => ({ status: 200, body });

test('a life of a layer, as Docker asks for it', async () => {
  expect(await send('Plugin.Activate', '')).toEqual(ok({ Implements: ['GraphDriver'] }));
  // Go's null for empty lists.
  expect(await call('GraphDriver.Init', { Home: home, Opts: null, UIDMaps: null, GIDMaps: null })).toEqual(ok({}));
  expect(await call('GraphDriver.Capabilities')).toEqual(ok({ Capabilities: { ReproducesExactDiffs: false } }));
  expect(await call('GraphDriver.Create', { ID: 'base' })).toEqual(ok({}));
  expect(await call('GraphDriver.CreateReadWrite', { ID: 'top', Parent: 'base', MountLabel: '', StorageOpt: {} })).toEqual(ok({}));
  expect(await call('GraphDriver.Exists', { ID: 'top' })).toEqual(ok({ Exists: true }));
  expect(await call('GraphDriver.Get', { ID: 'top' })).toEqual(ok({ Dir: `${home}/mnt/top` }));
  expect(await call('GraphDriver.GetMetadata', { ID: 'top' }))
    .toEqual(ok({ Metadata: { DiffDir: `${home}/diff/top`, LowerDirs: `${home}/diff/base`, MergedDir: `${home}/mnt/top` } }));
  expect((await call('GraphDriver.Status')).body).toMatchObject({ Status: expect.arrayContaining([['Root Dir', home]]) as unknown });
  fill(`${home}/diff/top`, { 'new': '12345', '.wh.old': '' });
  fill(`${home}/diff/base`, { old: '' });
  expect(await call('GraphDriver.Changes', { ID: 'top', Parent: 'base' }))
    .toEqual(ok({ Changes: [{ Path: '/new', Kind: 1 }, { Path: '/old', Kind: 2 }] }));
  expect(await call('GraphDriver.DiffSize', { ID: 'top', Parent: 'base' })).toEqual(ok({ Size: 5 }));
  const diff = await call('GraphDriver.Diff', { ID: 'top', Parent: 'base' });
  expect(diff.status).toBe(200);
  expect(diff.body).toContain('.wh.old');
  expect(await call('GraphDriver.Put', { ID: 'top' })).toEqual(ok({}));
  expect(await call('GraphDriver.Remove', { ID: 'top' })).toEqual(ok({}));
  expect(await call('GraphDriver.Exists', { ID: 'top' })).toEqual(ok({ Exists: false }));
  expect(await call('GraphDriver.Cleanup')).toEqual(ok({}));
});

test('an archive comes as a stream, and its size is a number of 64 bits', async () => {
  await call('GraphDriver.Init', { Home: home });
  await call('GraphDriver.Create', { ID: 'base' });
  const archive = pack();
  archive.entry({ name: 'file' }, 'x'.repeat(100_000));
  archive.finalize();
  expect(await send('GraphDriver.ApplyDiff?id=base&parent=', archive as unknown as NodeJS.ReadableStream)).toEqual(ok({ Size: 100_000 }));
});

test('an error is told when the whole archive was sent, and the connection stays', async () => {
  await call('GraphDriver.Init', { Home: home });
  await call('GraphDriver.Create', { ID: 'base' });
  const archive = pack();
  archive.entry({ name: '/../../x' }, 'x');
  for (let i = 0; i < 20; i++) archive.entry({ name: `file${i}` }, 'x'.repeat(1_000_000));
  archive.finalize();
  const reply = await send('GraphDriver.ApplyDiff?id=base&parent=', archive as unknown as NodeJS.ReadableStream);
  expect(reply).toMatchObject({ status: 500, body: { Err: expect.stringMatching(/x/) as unknown } });
});

test.each([
  ['GraphDriver.Bogus', '{}', 'POST', 404, 'there is no GraphDriver.Bogus here'],
  ['VolumeDriver.Mount', '{}', 'POST', 404, 'there is no VolumeDriver.Mount here'],
  ['GraphDriver.Get', '', 'GET', 405, 'calls are made with POST'],
  ['GraphDriver.Get', '{"ID":"x"}', 'POST', 500, 'Docker has not called GraphDriver.Init yet'],
  ['GraphDriver.Get', '{', 'POST', 500, 'the request is no JSON'],
  ['GraphDriver.Get', '7', 'POST', 500, 'the request is no object'],
  ['GraphDriver.Get', '{"ID":7}', 'POST', 500, 'ID is not a string'],
  ['GraphDriver.Init', '{"Home":"/x","Opts":"a"}', 'POST', 500, 'Opts is not a list as it should be'],
  ['GraphDriver.Init', '{"Home":"/x","UIDMaps":[{"container_id":0}]}', 'POST', 500, 'UIDMaps is not a list as it should be'],
  ['GraphDriver.Create', '{"ID":"x","StorageOpt":"a"}', 'POST', 500, 'StorageOpt is not an object'],
  ])('%s %s by %s: %i', async (verb, body, method, status, line) => {
  expect(await send(verb, body, method)).toEqual({ status, body: { Err: line } });
});

test('an archive that cannot be made is an error, not a short archive', async () => {
  await call('GraphDriver.Init', { Home: home });
  expect(await call('GraphDriver.Diff', { ID: 'none' })).toEqual({ status: 500, body: { Err: 'there is no layer none' } });
});
