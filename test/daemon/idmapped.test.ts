import { expect, test } from 'vitest';
import { mappedOnce } from '../../src/daemon/idmapped.js';
import type { MountEntry } from '../../src/daemon/mount-table.js';
import { branchMode } from '../../src/options/branch.js';
import { defaultUnionOptions, type UnionOptions } from '../../src/union/options.js';

const mount = (mountpoint: string, ...flags: string[]): MountEntry => ({ mountpoint, type: 'ext4', source: '/dev/sda', device: '8:0', flags });
const union = (...paths: string[]): UnionOptions => ({
  ...defaultUnionOptions(),
  uidMapping: [{ onBranch: 0, shown: 100_000, count: 65_536 }],
  branches: paths.map((path) => ({ path, ...branchMode('ro') })),
});
const table = [mount('/', 'rw'), mount('/store', 'rw'), mount('/store/c/mapped/0', 'rw', 'idmapped'), mount('/store/c/mapped/0/l/plain', 'rw')];

test('a mapping is left out where a branch lies on an idmapped mount', () => {
  expect(mappedOnce(union('/store/c/diff', '/store/c/mapped/0/l/x/diff'), table).uidMapping).toEqual([]);
  expect(mappedOnce(union('/store/c/mapped/0'), table).uidMapping).toEqual([]);
});

test('it stays where none does', () => {
  for (const path of ['/store/c/diff', '/store/c/mapped/00', '/elsewhere', '/store/c/mapped/0/l/plain/diff']) {
    expect(mappedOnce(union(path), table).uidMapping, path).toHaveLength(1);
  }
});
