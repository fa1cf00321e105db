// What the next mount makes of the pseudo-links of one that was killed. That it restores them is in faults.test.ts.

import { appendFileSync, readdirSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { arm, disarm } from './faults.js';
import { branchSpec, makeUnion, scratch, unionOver, useUnions, type TestUnion } from './helpers.js';

vi.mock(import('../../src/posix/syscall.js'), async (original) => {
  const { faulty } = await import('./faults.js');
  return faulty(await original());
});

useUnions();

const linked = { 'a': 'low', 'd/b': { same: 'a' }, 'd/c': { same: 'a' } };

function killed(): TestUnion {
  const t = makeUnion([['rw'], ['ro', linked]]);
  t.write('a', 'new');
  t.unlink('a');
  arm('death', 0);
  t.forgetAll();
  t.union.close();
  t.abandon();
  disarm();
  return t;
}

function plinks(t: TestUnion): string[] {
  return readdirSync(t.on(0, '.wh..wh.plnk'));
}

test('a change made through a name that is gone is seen under the others, which are one file', () => {
  const next = unionOver(killed().options.branches);
  expect([next.ls(), next.read('d/b'), next.read('d/c'), plinks(next)]).toEqual([['d'], 'new', 'new', []]);
  expect(next.ino('d/b')).toBe(next.ino('d/c'));
  expect(next.stat('d/b').nlink).toBe(2);
  expect(next.logs).toEqual([]);
});

test('so it is where branches have come and others have another place', () => {
  const [upper, lower] = killed().options.branches;
  const next = unionOver([branchSpec(scratch('/var/tmp'), 'ro'), upper, lower]);
  expect([next.read('d/b'), next.read('d/c'), next.logs]).toEqual(['new', 'new', []]);
});

test('a file that was changed meanwhile on its branch is left alone', async () => {
  const former = killed();
  const lower = former.options.branches[1].path;
  // Times count in seconds: the change has to be seen to be later.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  appendFileSync(`${lower}/d/b`, 'er');
  const next = unionOver(former.options.branches);
  expect([next.read('d/b'), next.read('d/c')]).toEqual(['lower', 'lower']);
});

test('over other branches it is told, and what is left stays', () => {
  const former = killed();
  const next = unionOver([former.options.branches[0], branchSpec(scratch(), 'ro')]);
  expect(next.logs).toEqual([expect.stringContaining('is left of an interrupted mount over other branches')]);
  expect(plinks(next)).toHaveLength(1);
});

test('what umount -i leaves is left alone, as in AUFS', () => {
  const t = makeUnion([['rw'], ['ro', linked]]);
  t.write('a', 'new');
  t.union.command('keep-plinks', null);
  t.forgetAll();
  t.union.close();
  t.abandon();
  const next = unionOver(t.options.branches);
  expect([next.read('a'), next.read('d/b'), plinks(next).length, next.logs]).toEqual(['new', 'low', 1, []]);
});
