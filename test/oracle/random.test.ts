import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as Library from '../../src/index.js';
import { adapter, adapterOptions } from '../helpers/adapter.js';
import { because, noRootMount, project } from '../helpers/process.js';
import { memory } from '../helpers/mounted.js';
import { differences, readCases } from './cases.js';
import { knownDifferences } from './known-differences.js';
import { branchTexts, noPython, Operator, type Mounter } from './operator.js';

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

  const cases = readCases('random');
  for (let start = 0; start < cases.length; start += chunk) {
    const part = cases.slice(start, start + chunk);
    test.skipIf(obstacle !== undefined)(`${part[0].test.name} to ${part.at(-1)!.test.name}`, async () => {
      const wrong: Record<string, string | string[]> = {};
      for (const { test: case_, aufs } of part) {
        const found = differences(aufs, await operator.outcome(case_, mountHere));
        const known = knownDifferences[case_.name];
        if (known === undefined && found.length > 0) wrong[case_.name] = found;
        if (known !== undefined && found.length === 0) wrong[case_.name] = 'agrees now: take it off known-differences.ts';
      }
      expect(wrong).toEqual({});
    }, 180_000);
  }
});

/** mount() of the library, in this process: it spares the start of two processes a case. */
async function libraryMounter(): Promise<Mounter> {
  const url = pathToFileURL(path.join(project, 'dist/index.js')).href;
  const { mount } = await import(/* @vite-ignore */ url) as typeof Library;
  return async (test_, directory) => {
    try {
      const union = await mount({
        mountpoint: path.join(directory, 'mnt'), branches: branchTexts(test_, directory), adapter,
        options: [test_.opts, ...adapterOptions].filter((text) => text !== '').join(','),
      });
      return {
        async unmount() {
          try {
            await union.unmount({ keepPlinks: true });
          } catch (error) {
            await union.unmount({ lazy: true });
            throw error;
          }
        },
      };
    } catch (error) {
      return { refused: (error as Error).message };
    }
  };
}
