import { expect, test } from 'vitest';
import { ListingRoom } from '../../src/union/listing-room.js';
import { failure, makeUnion, useUnions, type TestUnion } from './helpers.js';

useUnions();

function list(t: TestUnion, path: string): { count: number; release: () => void } {
  const handle = t.opendir(path);
  let count = 0;
  try {
    t.union.readdir(handle, 0, () => ++count > 0);
  } catch (error) {
    t.releasedir(handle);
    throw error;
  }
  return { count, release: () => t.releasedir(handle) };
}

test('who holds too many names in listings is refused the next large one, until he gives some back', () => {
  const large = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`large/${String(i)}`, '']));
  const t = makeUnion([['rw', { 'small/a': '' }], ['ro', large]]);
  Object.assign(t.u, { listings: new ListingRoom(4000) });
  const held = [list(t, 'large'), list(t, 'large')];
  expect(held.map(({ count }) => count)).toEqual([1502, 1502]);
  expect(failure(() => list(t, 'large'))).toBe('ENOMEM');
  expect(t.ls('small')).toEqual(['a']);
  held[0].release();
  held[0] = list(t, 'large');
  // One that is read anew gives back what it held.
  const handle = t.opendir('large');
  expect(failure(() => t.union.readdir(handle, 0, () => true))).toBe('ENOMEM');
  held[1].release();
  for (let again = 0; again < 3; again++) t.union.readdir(handle, 0, () => true);
  held[0].release();
});
