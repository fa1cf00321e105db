import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapter } from '../helpers/adapter.js';
import { limitOfCase } from '../helpers/native-limits.js';
import { because, missing, noRootMount } from '../helpers/process.js';
import { disk, memory } from '../helpers/mounted.js';
import { differences, readCases } from './cases.js';
import { knownDifferences } from './known-differences.js';
import { libraryMounter, mountByProgram, noPython, Operator } from './operator.js';

const obstacle = noRootMount() ?? noPython();

describe.each([
  { suite: 'themes', base: memory, needs: [] },
  // Extended attributes and ACLs as they were recorded: on a disk.
  { suite: 'ext4', base: disk, needs: ['setfacl', 'getfacl'] },
])('$suite: the same as kernel AUFS', ({ suite, base, needs }) => {
  const reason = obstacle ?? missing(...needs);
  let operator: Operator;
  let mountHere = mountByProgram;
  beforeAll(async () => {
    if (reason !== undefined) return;
    operator = new Operator(base);
    // The program is tried with the kernel adapter; the library saves time.
    if (adapter === 'fuse-native') mountHere = await libraryMounter();
  });
  afterAll(async () => {
    if (reason === undefined) await operator.close();
  });

  for (const { test: case_, aufs } of readCases(suite)) {
    const known = knownDifferences[case_.name] ?? limitOfCase(case_.name);
    const name = `${case_.name}${known === undefined ? '' : `: expected to differ, ${known}`}${because(reason)}`;
    test.skipIf(reason !== undefined)(name, async () => {
      const found = differences(aufs, await operator.outcome(case_, mountHere));
      if (known === undefined) expect(found).toEqual([]);
      else expect(found, `${case_.name} agrees now: take it off known-differences.ts`).not.toEqual([]);
    });
  }
});
