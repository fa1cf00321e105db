import { describe, expect, test } from 'vitest';
import type { CreatePolicy, UnionOptions } from '../../src/union/options.js';
import { copyUpBranch, createBranch, mustTakeEntries, nearestAbove } from '../../src/union/policy.js';
import { failure, isRoot, makeUnion, tinyFileSystem, useUnions, type BranchGiven, type TestUnion } from './helpers.js';

useUnions();

/** The branch on which a new file lands. */
function lands(t: TestUnion, path: string): number {
  return t.make(path).top.index;
}

describe('create=tdp', () => {
  test('the highest branch that has the parent, if it is writable', () => {
    const t = makeUnion([['rw'], ['rw', { 'd/x': '' }], ['ro', { 'e/x': '' }]]);
    expect([lands(t, 'a'), lands(t, 'd/a'), lands(t, 'e/a')]).toEqual([0, 1, 1]);
    expect(t.names(1)).toContain('e/a');
  });

  test('else the nearest writable above it', () => {
    const t = makeUnion([['rw'], ['rw'], ['ro', { 'd/x': '' }], ['rw', { 'd/x': '' }]]);
    expect(lands(t, 'd/a')).toBe(1);
  });

  test('nothing writable at or above it is EROFS, and a writable one below does not count', () => {
    const t = makeUnion([['ro', { 'd/x': '' }], ['rw', { 'd/y': '' }]]);
    expect(failure(() => t.make('d/a'))).toBe('EROFS');
    expect(failure(() => mustTakeEntries(t.u, t.walk('d')))).toBe('EROFS');
    expect(failure(() => mustTakeEntries(t.u, t.root))).toBe('EROFS');
  });
});

describe('create=rr', () => {
  test('goes round the writable branches', () => {
    const t = makeUnion([['rw'], ['rw'], ['ro'], ['rw']], { create: { name: 'rr' } });
    const where: number[] = [];
    for (let i = 0; i < 12; i++) where.push(lands(t, `f${String(i)}`));
    expect(new Set(where)).toEqual(new Set([0, 1, 3]));
    for (const branch of [0, 1, 3]) expect(where.filter((index) => index === branch).length).toBeGreaterThanOrEqual(3);
  });

  test('directories do not move it', () => {
    const t = makeUnion([['rw'], ['rw']], { create: { name: 'rr' } });
    const where = new Set<number>();
    for (let i = 0; i < 10; i++) where.add(t.mkdir(`d${String(i)}`).top.index);
    expect(where.size).toBe(1);
  });

  test('never below an opaque mark or the whiteout of the name', () => {
    const t = makeUnion([
      ['rw', { 'd/.wh..wh..opq': '', '.wh.a': '', '.wh.b': '', '.wh.c': '' }], ['rw', { d: null, a: '', b: '', c: '' }],
    ], { create: { name: 'rr' } });
    for (const path of ['a', 'b', 'c', 'd/1', 'd/2', 'd/3']) {
      expect(lands(t, path)).toBe(0);
      expect(t.has(path)).toBe(true);
    }
  });
});

describe.skipIf(!isRoot)('by free space', () => {
  const small = (): BranchGiven => ['rw', {}, tinyFileSystem('size=1m')];
  const large = (): BranchGiven => ['rw', {}, tinyFileSystem('size=4m')];
  const use = (create: CreatePolicy): Partial<UnionOptions> => ({ create });

  test('mfs: the one with most', () => {
    const t = makeUnion([small(), large(), ['ro']], use({ name: 'mfs', seconds: 30 }));
    expect([lands(t, 'a'), t.mkdir('d').top.index]).toEqual([1, 1]);
  });

  test('mfs keeps its choice for the seconds said', () => {
    for (const [seconds, expected] of [[1000, 1], [0, 0]] as const) {
      const t = makeUnion([small(), large()], use({ name: 'mfs', seconds }));
      expect(lands(t, 'a')).toBe(1);
      const handle = t.open('a', 1);
      t.union.fallocate(handle, 0, 0, 3_900_000);
      expect(lands(t, 'b')).toBe(expected);
    }
  });

  test('mfsrr: round where even that has too little', () => {
    const t = makeUnion([small(), large()], use({ name: 'mfsrr', low: 2 << 20, seconds: 0 }));
    expect([lands(t, 'a'), lands(t, 'b')]).toEqual([1, 1]);
    const round = makeUnion([small(), large()], use({ name: 'mfsrr', low: 8 << 20, seconds: 0 }));
    expect(new Set([0, 1, 2, 3].map((i) => lands(round, String(i))))).toEqual(new Set([0, 1]));
  });

  test('pmfs: among those that have the parent', () => {
    const t = makeUnion([
      ['rw', { 'd/x': '' }, tinyFileSystem('size=1m')], large(), ['rw', { 'd/y': '' }, tinyFileSystem('size=2m')],
    ], use({ name: 'pmfs', seconds: 0 }));
    expect([lands(t, 'd/a'), lands(t, 'a')]).toEqual([2, 1]);
    expect(lands(makeUnion([['rw'], ['ro', { 'd/x': '' }]], use({ name: 'pmfs', seconds: 0 })), 'd/a')).toBe(0);
  });

  test('pmfsrr: the freest of all where those have too little', () => {
    const t = makeUnion([['rw', { 'd/x': '' }, tinyFileSystem('size=1m')], large()], use({ name: 'pmfsrr', low: 2 << 20, seconds: 0 }));
    expect(lands(t, 'd/a')).toBe(1);
  });

  test('tdmfs: the highest with enough', () => {
    const t = makeUnion([small(), large(), large()], use({ name: 'tdmfs', low: 2 << 20, seconds: 0 }));
    expect(lands(t, 'a')).toBe(1);
    const none = makeUnion([small(), large()], use({ name: 'tdmfs', low: 8 << 20, seconds: 0 }));
    expect(lands(none, 'a')).toBe(1);
  });
});

describe('copy-up', () => {
  const given: BranchGiven[] = [['rw', { 'd/x': '' }], ['rw', { 'd/y': '' }], ['rw'], ['ro', { 'd/a': '' }]];

  test.each([['tdp', 0], ['bup', 1], ['bu', 2]] as const)('%s', (copyup, expected) => {
    const t = makeUnion(given, { copyup });
    t.chmod('d/a', 0o600);
    expect(t.walk('d/a').top.index).toBe(expected);
    expect(t.stat('d/a').mode & 0o777).toBe(0o600);
  });

  test('a writable source is its own', () => {
    const t = makeUnion(given);
    expect(copyUpBranch(t.u, t.root, t.u.branches[2]).index).toBe(2);
  });

  test('never below an opaque mark', () => {
    for (const copyup of ['tdp', 'bup', 'bu'] as const) {
      const t = makeUnion([['rw'], ['ro+wh', { 'd/a': '', 'd/.wh..wh..opq': '' }], ['rw', { d: null }]], { copyup });
      t.chmod('d/a', 0o600);
      expect(t.walk('d/a').top.index).toBe(0);
    }
  });
});

test('nearestAbove', () => {
  const t = makeUnion([['ro'], ['rw'], ['ro'], ['rw']]);
  expect([nearestAbove(t.u, 99).index, nearestAbove(t.u, 2).index, nearestAbove(t.u, 1).index]).toEqual([3, 1, 1]);
  expect(failure(() => nearestAbove(t.u, 0))).toBe('EROFS');
  expect(createBranch(makeUnion([['rw']]).u, makeUnion([['rw']]).root, null, false).index).toBe(0);
});
