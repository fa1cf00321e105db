// dirren: killed before any one of the system calls that change a branch, the next mount shows the tree as it was or as
// it was to be.

import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { O } from '../../src/posix/file.js';
import {
  makeBranches, scratch, type BranchGiven, type TestUnion, unionOver, useUnions,
} from './helpers.js';

/** Changing calls that are still carried out; afterwards none has any effect, as in a process that was killed. */
const life = vi.hoisted(() => ({ left: Number.MAX_SAFE_INTEGER }));

function mortal<Arguments extends unknown[]>(call: (...given: Arguments) => number, changes = (..._: Arguments) => true) {
  return (...given: Arguments): number => {
    if (!changes(...given)) return call(...given);
    if (life.left <= 0) return -5;
    life.left--;
    return call(...given);
  };
}

vi.mock(import('../../src/posix/directory.js'), async (original) => {
  const real = await original();
  const { mkdirat, mknodat, unlinkat, renameat2, linkat, symlinkat } = real;
  return {
    ...real, mkdirat: mortal(mkdirat), mknodat: mortal(mknodat), unlinkat: mortal(unlinkat), renameat2: mortal(renameat2),
    linkat: mortal(linkat), symlinkat: mortal(symlinkat),
  };
});

vi.mock(import('../../src/posix/file.js'), async (original) => {
  const real = await original();
  return { ...real, write: mortal(real.write), openat: mortal(real.openat, (_fd, _name, flags) => (flags & O.CREAT) !== 0) };
});

useUnions();

function shown(t: TestUnion, under = ''): string[] {
  return t.ls(under).flatMap((name) => {
    const path = under === '' ? name : `${under}/${name}`;
    return t.walk(path).isDirectory ? [`${path}/`, ...shown(t, path)] : [`${path}=${t.read(path)}`];
  });
}

/** Branches, what is done first, and the rename from which the test dies. */
const cases: [string, BranchGiven[], (t: TestUnion) => void, string, string][] = [
  ['a lower directory', [['rw'], ['ro', { 'd/a': 'A', 'd/s/b': 'B' }]], () => undefined, 'd', 'n'],
  ['to another parent', [['rw'], ['ro', { 'd/a': 'A', 'd/s/b': 'B', 'e/x': '' }]], () => undefined, 'd/s', 'e/n'],
  ['a renamed one', [['rw'], ['ro', { 'd/a': 'A' }]], (t) => t.rename('d', 'n'), 'n', 'm'],
  ['a renamed one to another parent', [['rw'], ['ro', { 'd/a': 'A', 'e/x': '' }]], (t) => t.rename('d', 'n'), 'n', 'e/n'],
  ['back', [['rw', { 'd/t': '' }], ['ro', { 'd/a': 'A' }]], (t) => t.rename('d', 'n'), 'n', 'd'],
  ['back from another parent', [['rw'], ['ro', { 'd/s/a': 'A', 'e/x': '' }]], (t) => t.rename('d/s', 'e/y'), 'e/y', 'd/s'],
  ['over a whiteout', [['rw'], ['ro', { 'd/a': 'A', e: 'x' }]], (t) => t.unlink('e'), 'd', 'e'],
  ['over an emptied directory', [['rw'], ['ro', { 'd/a': 'A', 'e/x': 'X', 'e/y': 'Y' }]], (t) => (t.unlink('e/x'), t.unlink('e/y')), 'd', 'e'],
  ['over a removed one', [['rw', { 'd/t': '' }], ['rw', { 'd/u': '' }], ['ro', { 'd/a': 'A', 'e/x': 'X' }]], (t) => (t.unlink('e/x'), t.rmdir('e')), 'd', 'e'],
];

describe.each(cases)('%s', (_what, given, first, from, to) => {
  const fresh = (): TestUnion => {
    const t = unionOver(makeBranches(given), { dirren: true });
    first(t);
    return t;
  };

  test('is there before or after', () => {
    const before = shown(fresh());
    const done = fresh();
    done.rename(from, to);
    const after = shown(done);
    expect(after).not.toEqual(before);
    const seen = new Set<string>();
    for (let calls = 0, died = true; died; calls++) {
      const t = fresh();
      t.forgetAll();
      life.left = calls;
      try {
        t.rename(from, to);
      } catch {
        // It died. Whether it did, `left` tells.
      }
      died = life.left === 0;
      t.forgetAll();
      t.union.close();
      t.abandon();
      life.left = Number.MAX_SAFE_INTEGER;
      const next = unionOver(t.options.branches, { dirren: true });
      const there = shown(next);
      seen.add(JSON.stringify(there));
      expect([before, after], `after ${String(calls)} calls`).toContainEqual(there);
      const left = next.names(0).filter((name) => /\.wh\.\.wh\.([0-9a-f]+\.[0-9a-f]+|rename)$/.test(name));
      // A directory's copy-up leaves its own, which no lookup ever shows.
      expect(left.filter((name) => !name.endsWith('/')), `after ${String(calls)} calls`).toEqual([]);
      expect(next.logs).toEqual([]);
    }
    expect(seen.size).toBe(2);
  });
});

test('an announcement that nobody of ours wrote is not followed', () => {
  const outside = scratch();
  writeFileSync(`${outside}/.wh.x`, '');
  for (const text of [
    'no JSON', '{}', '[]', 'null',
    JSON.stringify({ root: 1, ino: 1, from: '', name: 'a', to: '/..', newName: 'x', aside: '.wh..wh.1.1', opaque: false, hide: true }),
    JSON.stringify({ root: 1, ino: 1, from: '', name: 'a', to: '', newName: 'x', aside: 'a', opaque: false, hide: true }),
  ]) {
    const t = unionOver(makeBranches([['rw', { '.wh..wh.rename': text, 'a': 'A' }]]), { dirren: true });
    expect([shown(t), t.names(0)]).toEqual([['a=A'], ['a']]);
  }
  expect(readdirSync(outside)).toEqual(['.wh.x']);
});
