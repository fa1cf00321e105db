import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MS } from '../../src/posix/mount.js';
import { isRoot, scratch, tinyFileSystem, useUnions } from '../union/helpers.js';
import { roundsOf, seeds, timeFor } from './bounds.js';
import { Random } from './random.js';
import { RequestFuzzer, describeAll, prepareGround } from './requests.js';

useUnions();

const rounds = roundsOf(3000);

/** Small, and without devices: root makes some. */
function home(): string {
  return isRoot ? tinyFileSystem('size=16m,nr_inodes=20k', MS.NODEV | MS.NOSUID) : scratch();
}

test.each(seeds([1, 2, 3]))('hostile requests get an errno or nothing, and reach nothing but the writable branch (seed %i)', { timeout: timeFor(rounds) }, (seed) => {
  const ground = prepareGround(home());
  const kept = [ground.lower, ground.outside];
  const before = kept.map(describeAll);
  const fuzzer = new RequestFuzzer(new Random(seed), ground);
  try {
    for (let round = 0; round < rounds; round++) fuzzer.round();
  } finally {
    fuzzer.close();
  }
  expect(kept.map(describeAll)).toEqual(before);
  expect(readdirSync(`${ground.upper}/.wh..wh.orph`)).toEqual([]);
  // It got somewhere: the requests are not all refused at the door.
  expect(fuzzer.errors.get(0)).toBeGreaterThan(rounds / 10);
  expect(fuzzer.errors.size).toBeGreaterThan(10);
});
