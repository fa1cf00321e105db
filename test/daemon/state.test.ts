import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { thisProcess } from '../../src/daemon/process.js';
import {
  createStateDirectory, findStates, publishState, removeState, stateRoots, writeBranches, writeXinoPath, type MountState,
} from '../../src/daemon/state.js';

let directory: string;
beforeEach(() => {
  directory = createStateDirectory();
});
afterEach(() => removeState(directory));

function state(more: Partial<MountState> = {}): MountState {
  return {
    id: path.basename(directory), ...thisProcess(), mountpoint: '/m', source: 'none', options: 'rw', adapter: 'kernel',
    log: null, background: false, started: '2020-01-01T00:00:00.000Z', ...more,
  };
}

function found(): ReturnType<typeof findStates>[number] | undefined {
  return findStates().find((each) => each.directory === directory);
}

test('a directory is named as in AUFS, and its own user’s', () => {
  expect(path.basename(directory)).toMatch(/^si_[0-9a-f]{16}$/);
  expect(path.dirname(directory)).toBe(stateRoots()[0]);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});

test('branches, their ids and the xino path are files', () => {
  writeBranches(directory, [{ id: 64, text: '/a=rw' }, { id: 65, text: '/b=ro+wh' }, { id: 66, text: '/c=ro' }]);
  writeBranches(directory, [{ id: 64, text: '/a=rw' }, { id: 67, text: '/b c=ro+wh' }]);
  writeXinoPath(directory, '/a/.aufs.xino');
  const read = (name: string): string => readFileSync(path.join(directory, name), 'utf8');
  expect(read('br0')).toBe('/a=rw\n');
  expect(read('br1')).toBe('/b c=ro+wh\n');
  expect(read('brid1')).toBe('67\n');
  expect(existsSync(path.join(directory, 'br2'))).toBe(false);
  expect(existsSync(path.join(directory, 'brid2'))).toBe(false);
  expect(read('xi_path')).toBe('/a/.aufs.xino\n');
  writeXinoPath(directory, null);
  expect(read('xi_path')).toBe('');
});

test('it is found once it is published, with its branches in order', () => {
  const branches = Array.from({ length: 12 }, (_, index) => ({ id: 64 + index, text: `/b${index}=ro` }));
  writeBranches(directory, branches);
  expect(found()).toBeUndefined();
  publishState(directory, state());
  expect(found()).toEqual({ directory, state: state(), alive: true, branches });
  expect(statSync(directory).mode & 0o777).toBe(process.geteuid!() === 0 ? 0o755 : 0o700);
});

test('another process with our number is not alive', () => {
  publishState(directory, state({ startTime: 1 }));
  expect(found()?.alive).toBe(false);
});

test('what is no state is passed over', async () => {
  const root = await tmp.dir({ unsafeCleanup: true });
  try {
    mkdirSync(path.join(root.path, 'si_0123456789abcdef'));
    mkdirSync(path.join(root.path, 'si_zz'));
    mkdirSync(path.join(root.path, 'si_fedcba9876543210'));
    writeFileSync(path.join(root.path, 'si_fedcba9876543210', 'mount'), '{"id":');
    expect(findStates([root.path, '/nowhere'])).toEqual([]);
  } finally {
    await root.cleanup();
  }
});
