import { statfsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { StatFs } from '../../src/posix/statfs.js';
import { isRoot, makeUnion, tinyFileSystem, useUnions, type TestUnion } from './helpers.js';

useUnions();

function statfs(t: TestUnion): StatFs {
  const out = new StatFs();
  t.union.statfs(out);
  return out;
}

test('of the first branch, with room for whiteouts in the names', () => {
  const t = makeUnion([['rw'], ['ro']]);
  const plain = statfsSync(t.branch(0));
  const out = statfs(t);
  expect([out.bsize, out.blocks, out.files, out.namelen]).toEqual([plain.bsize, plain.blocks, plain.files, 242]);
});

describe.skipIf(!isRoot)('sum', () => {
  test('adds up the branches, each file system once', () => {
    const [one, two] = [tinyFileSystem('size=1m,nr_inodes=100'), tinyFileSystem('size=2m,nr_inodes=200')];
    const given = [['rw', {}, one], ['ro', {}, two]] as const;
    const plain = statfs(makeUnion(given));
    expect([plain.blocks * plain.bsize, plain.files]).toEqual([1 << 20, 100]);
    for (const sum of ['sum', 'wsum'] as const) {
      const out = statfs(makeUnion(given, { sum }));
      expect([out.blocks * out.bsize, out.files]).toEqual([3 << 20, 300]);
      expect(out.bfree).toBeLessThanOrEqual(out.blocks);
      expect(out.bavail).toBe(statfsSync(one).bavail + statfsSync(two).bavail);
    }
    const same = makeUnion([['rw'], ['ro'], ['ro', {}, two]], { sum: 'sum' });
    expect(statfs(same).files).toBe(statfsSync(same.branch(0)).files + 200);
  });
});
