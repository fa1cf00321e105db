import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { program, tsaufs, whyNoMount } from './program.js';

const obstacle = whyNoMount();

describe.skipIf(obstacle !== undefined)(`the graph driver as a service${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  let home: tmp.DirectoryResult;
  let socket: string;
  const started: ChildProcess[] = [];

  beforeEach(async () => {
    home = await tmp.dir({ unsafeCleanup: true });
    socket = path.join(home.path, 'plugins/own.sock');
  });

  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(stateFile(), { force: true });
    await home.cleanup();
  });

  const stateFile = (): string => `/run/tsaufs/graphdriver${socket.replaceAll('/', '-')}.json`;

  async function start(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [program, 'graphdriver', '--socket', socket], { stdio: ['ignore', 'pipe', 'ignore'], cwd: '/' });
    started.push(child);
    const [line] = await once(child.stdout, 'data') as [Buffer];
    expect(line.toString()).toBe(`tsaufs: graph driver ready on ${socket}\n`);
    return child;
  }

  async function call(verb: string, fields: object): Promise<unknown> {
    const sent = request({ socketPath: socket, path: `/${verb}`, method: 'POST' }).end(JSON.stringify(fields));
    const [response] = await once(sent, 'response') as [NodeJS.ReadableStream];
    return JSON.parse(await text(response as never));
  }

  test('has a socket for root alone, which goes when it is ended', async () => {
    const child = await start();
    expect(statSync(socket).mode & 0o7777).toBe(0o600);
    expect(await call('Plugin.Activate', {})).toEqual({ Implements: ['GraphDriver'] });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(socket)).toBe(false);
  });

  test('does not take the place of one that answers, and takes that of one that was killed', async () => {
    const first = await start();
    expect(await tsaufs(['graphdriver', '--socket', socket])).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: a graph driver answers on ${socket} already; end it first, or name another --socket\n`,
    });
    await call('GraphDriver.Init', { Home: path.join(home.path, 'store') });
    await call('GraphDriver.Create', { ID: 'base' });
    first.kill('SIGKILL');
    await once(first, 'exit');
    await start();
    // It knows the store without being told.
    expect(await call('GraphDriver.Exists', { ID: 'base' })).toEqual({ Exists: true });
    await call('GraphDriver.Cleanup', {});
    expect(existsSync(stateFile())).toBe(false);
  });

  test('says in one line what cannot be', async () => {
    const file = path.join(home.path, 'file');
    writeFileSync(file, '');
    const { status, stderr } = await tsaufs(['graphdriver', '--socket', path.join(file, 'x.sock')]);
    expect([status, stderr.split('\n').length]).toEqual([1, 2]);
    expect(await tsaufs(['graphdriver'], { uid: 65534 })).toEqual({
      status: 1, stdout: '', stderr: 'tsaufs: the graph driver serves Docker, and must be run by root\n',
    });
    expect(await tsaufs(['graphdriver', '--bogus'])).toMatchObject({ status: 2 });
    expect(existsSync(file)).toBe(true);
  });
});
