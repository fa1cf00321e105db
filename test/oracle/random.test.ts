import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapter } from '../helpers/adapter.js';
import { limitOfCase } from '../helpers/native-limits.js';
import { because, noRootMount } from '../helpers/process.js';
import { memory } from '../helpers/mounted.js';
import { differences, readCases } from './cases.js';
import { knownDifferences } from './known-differences.js';
import { libraryMounter, noPython, Operator, type Mounter } from './operator.js';

const obstacle = noRootMount() ?? noPython();
const chunk = 20;

describe(`random cases: the same as kernel AUFS${because(obstacle)}`, () => {
  let operator: Operator;
  let mountHere: Mounter;
  beforeAll(async () => {
    if (obstacle !== undefined) return;
    operator = new Operator(memory);
    mountHere = await libraryMounter();
  });
  afterAll(async () => {
    if (obstacle === undefined) await operator.close();
  });

  // With fuse-native a part of them, to save time: they try the union more than the adapter.
  const cases = readCases('random').slice(0, adapter === 'kernel' ? undefined : 60);
  for (let start = 0; start < cases.length; start += chunk) {
    const part = cases.slice(start, start + chunk);
    test.skipIf(obstacle !== undefined)(`${part[0].test.name} to ${part.at(-1)!.test.name}`, async () => {
      const wrong: Record<string, string | string[]> = {};
      for (const { test: case_, aufs } of part) {
        const found = differences(aufs, await operator.outcome(case_, mountHere));
        const known = knownDifferences[case_.name] ?? limitOfCase(case_.name);
        if (known === undefined && found.length > 0) wrong[case_.name] = found;
        if (known !== undefined && found.length === 0) wrong[case_.name] = 'agrees now: take it off known-differences.ts';
      }
      expect(wrong).toEqual({});
    }, 180_000);
  }
});
