import { existsSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { callControl, listenControl, type ControlServer } from '../../src/daemon/control.js';

let home: tmp.DirectoryResult;
let server: ControlServer;
beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  server = await listenControl(home.path, ({ command, ...rest }) => {
    if (command === 'fail') return Promise.reject(new Error('it\ncannot be'));
    if (command === 'hang') return new Promise(() => undefined);
    return Promise.resolve(command === 'echo' ? rest : undefined);
  });
});
afterEach(async () => {
  await server.close();
  await home.cleanup();
});

test('a request is answered', async () => {
  await expect(callControl(home.path, { command: 'echo', a: [1, 'ü'] })).resolves.toEqual({ a: [1, 'ü'] });
  await expect(callControl(home.path, { command: 'nothing' })).resolves.toBeNull();
});

test('an error is one line', async () => {
  await expect(callControl(home.path, { command: 'fail' })).rejects.toThrow('it; cannot be');
});

test('only its user can connect', () => {
  expect(statSync(path.join(home.path, 'control')).mode & 0o777).toBe(0o600);
});

test('requests on one connection are answered in order, and bad ones do not end it', async () => {
  const socket = net.connect(path.join(home.path, 'control'));
  let text = '';
  socket.write('{"command":"echo","n":1}\nnonsense\n{"no":1}\nnull\n{"command":"ec');
  socket.write('ho","n":2}\n');
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.split('\n').length > 5) break;
  }
  socket.destroy();
  const answers = text.trim().split('\n').map((line) => JSON.parse(line) as { ok?: unknown; error?: string });
  expect(answers[0]).toEqual({ ok: { n: 1 } });
  expect(answers.slice(1, 4).every((answer) => typeof answer.error === 'string')).toBe(true);
  expect(answers[4]).toEqual({ ok: { n: 2 } });
});

test('who waits when the mount ends is told', async () => {
  const waiting = callControl(home.path, { command: 'hang' });
  const outcome = expect(waiting).rejects.toThrow('the mount has ended');
  // The request is on its way in its own connection; this one is answered after it has been accepted.
  await callControl(home.path, { command: 'echo' });
  await server.close();
  await outcome;
  expect(existsSync(path.join(home.path, 'control'))).toBe(false);
});

test('no mount, no answer', async () => {
  await expect(callControl('/nowhere', { command: 'echo' })).rejects.toThrow('the mount does not answer');
});
