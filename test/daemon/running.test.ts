import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callControl } from '../../src/daemon/control.js';
import { listMounts } from '../../src/daemon/list.js';
import { Mount } from '../../src/daemon/mount.js';
import { runMount, type MountRequest, type RunningMount } from '../../src/daemon/running.js';
import { createStateDirectory, findStates, publishState, removeState } from '../../src/daemon/state.js';
import { parseMountOptions } from '../../src/options/mount.js';
import type { UnionEvent } from '../../src/union/events.js';
import { FakeAdapter } from './fake-adapter.js';

let home: tmp.DirectoryResult;
let mountpoint: string;
let adapter: FakeAdapter;
let logged: [string, string][];
let running: RunningMount | undefined;

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  mountpoint = path.join(home.path, 'm');
  for (const name of ['a', 'b', 'm']) mkdirSync(path.join(home.path, name));
  adapter = new FakeAdapter();
  logged = [];
});

afterEach(async () => {
  adapter.session?.end({ reason: 'unmounted' });
  await running?.ended;
  if (running) removeState(running.directory);
  running = undefined;
  await home.cleanup();
});

function request(more: Partial<MountRequest> = {}): MountRequest {
  const { union, mount } = parseMountOptions(['br=a:b,noatime'], home.path);
  return {
    mountpoint, source: 'none', union, flags: mount, adapter, log: (level, message) => logged.push([level, message]),
    state: undefined, ...more,
  };
}

const ownStates = (): ReturnType<typeof findStates> => findStates().filter((found) => found.state.mountpoint === mountpoint);

test('while it runs it has a state directory and answers on its socket', async () => {
  running = await runMount(request());
  const [found] = ownStates();
  expect(found.alive).toBe(true);
  expect(found.state).toMatchObject({
    pid: process.pid, mountpoint, source: 'none', adapter: 'kernel', log: null, background: false,
    options: `rw,noatime,br=${home.path}/a=rw:${home.path}/b=ro`,
  });
  expect(found.branches).toEqual([{ id: 64, text: `${home.path}/a=rw` }, { id: 65, text: `${home.path}/b=ro` }]);
  expect(readFileSync(path.join(found.directory, 'xi_path'), 'utf8')).toBe(`${home.path}/a/.aufs.xino\n`);
  await expect(callControl(found.directory, { command: 'branches' })).resolves.toEqual(running.session.branches);
  await expect(callControl(found.directory, { command: 'dance' })).rejects.toThrow('unknown command "dance"');
  await callControl(found.directory, { command: 'unmount', lazy: true });
  expect(adapter.session?.unmounts).toEqual([true]);
  await expect(running.ended).resolves.toBeUndefined();
  expect(existsSync(found.directory)).toBe(false);
});

test('the adapter is asked for what the options say', async () => {
  running = await runMount(request());
  expect(adapter.request).toMatchObject({
    mountpoint, source: 'none', mount: { atime: 'noatime', allowOther: false },
  });
});

test('an unmount from outside removes everything', async () => {
  running = await runMount(request());
  adapter.session!.end({ reason: 'unmounted' });
  await running.ended;
  expect(ownStates()).toEqual([]);
  expect(logged).toEqual([['info', 'mounted'], ['info', 'unmounted']]);
});

test('a failure stays on record until something is mounted there again', async () => {
  running = await runMount(request());
  adapter.session!.end({ reason: 'failed', error: 'the worker died' });
  await expect(running.ended).resolves.toBe('the worker died');
  expect(listMounts().find((mount) => mount.mountpoint === mountpoint)).toMatchObject({ status: 'failed', failure: 'the worker died' });
  // As if by a process that is gone by now.
  const [found] = ownStates();
  publishState(found.directory, { ...found.state, startTime: 1 });
  running = await runMount(request());
  expect(ownStates().map((each) => each.directory)).toEqual([running.directory]);
});

test('an adapter that fails leaves nothing behind', async () => {
  adapter = new FakeAdapter('branch x: no');
  await expect(runMount(request())).rejects.toThrow(/^branch x: no$/);
  expect(ownStates()).toEqual([]);
});

test('a place that cannot be mounted on is refused before the adapter is asked', async () => {
  await expect(runMount(request({ mountpoint: path.join(home.path, 'nothere') }))).rejects.toThrow('does not exist');
  expect(adapter.request).toBeUndefined();
});

test('what dead mounts left is removed where nothing is mounted any more', () => {
  const directory = createStateDirectory();
  publishState(directory, {
    id: path.basename(directory), pid: process.pid, startTime: 1, mountpoint, source: 'none', options: '', adapter: 'kernel',
    log: null, background: true, started: new Date().toISOString(),
  });
  expect(listMounts().some((mount) => mount.mountpoint === mountpoint)).toBe(false);
  expect(existsSync(directory)).toBe(false);
});

describe('the library’s handle', () => {
  test('tells of itself and unmounts', async () => {
    running = await runMount(request());
    const mount = new Mount(running);
    expect(mount.mountpoint).toBe(mountpoint);
    expect(mount.branches.map((branch) => branch.text)).toEqual([`${home.path}/a=rw`, `${home.path}/b=ro`]);
    await mount.unmount();
    await expect(mount.ended).resolves.toBeUndefined();
    expect(adapter.session?.unmounts).toEqual([false]);
  });

  test('a busy mount stays', async () => {
    running = await runMount(request());
    adapter.session!.busy = true;
    await expect(new Mount(running).unmount()).rejects.toThrow('busy');
    expect(ownStates()).toHaveLength(1);
  });

  test('a failure rejects `ended`', async () => {
    running = await runMount(request());
    adapter.session!.end({ reason: 'failed', error: 'why' });
    await expect(new Mount(running).ended).rejects.toThrow('why');
  });

  test('events are asked for only while somebody listens', async () => {
    running = await runMount(request());
    const mount = new Mount(running);
    const seen: UnionEvent[] = [];
    const listener = (event: UnionEvent): unknown => seen.push(event);
    expect(adapter.session!.events).toEqual([]);
    mount.on('rename', listener);
    mount.on('event', listener);
    expect(adapter.session!.events.at(-1)).toBe(true);
    const renamed: UnionEvent = { kind: 'rename', path: '/y', from: '/x', branch: '/a', pid: 1 };
    const copied: UnionEvent = { kind: 'copy-up', path: '/x', from: '/b', branch: '/a', bytes: 3, pid: 1 };
    adapter.request!.onEvent(renamed);
    adapter.request!.onEvent(copied);
    expect(seen).toEqual([renamed, renamed, copied]);
    mount.off('rename', listener);
    expect(adapter.session!.events.at(-1)).toBe(true);
    mount.off('event', listener);
    expect(adapter.session!.events.at(-1)).toBe(false);
  });
});
