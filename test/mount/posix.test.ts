// What POSIX says of each call: the same script answers the same in a plain directory and in a union over it.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { disk, memory, mounted } from '../helpers/mounted.js';
import { because, noRootMount, pythonProgram, succeed } from '../helpers/process.js';

const script = fileURLToPath(new URL('posix.py', import.meta.url));
const reason = noRootMount();

/**
 * Where AUFS itself differs, in its recorded cases, too (random-75, -94, -228): a copy that is empty from the start keeps the
 * time of the lower file.
 */
const ofAufs = new Map([['times: open with O_TRUNC', { lower: [null, ['c']], elsewhere: [null, ['mc']] }]]);

async function prepare(directory: string): Promise<void> {
  mkdirSync(directory);
  await succeed(pythonProgram, [script, 'prepare', directory]);
}

async function answers(directory: string): Promise<[what: string, answer: unknown][]> {
  return JSON.parse(await succeed(pythonProgram, [script, 'try', directory])) as [string, unknown][];
}

describe.skipIf(reason !== undefined)(`a union answers as a plain directory does${because(reason)}`, () => {
  const bases: [string, string][] = [['tmpfs', memory], ['a disk', disk]];
  // Where what the calls are tried on lies: with lower, all must be copied up, and the directories with it.
  describe.each(bases)('on %s', (_, base) => {
    test.each([
      ['an rw branch alone', [['upper', 'rw']], 'upper'],
      ['rw over ro, all on the upper one', [['upper', 'rw'], ['lower', 'ro']], 'upper'],
      ['rw over ro, all on the lower one', [['upper', 'rw'], ['lower', 'ro']], 'lower'],
    ] as const)('%s', (__, branches, on) => mounted({
      base,
      branches,
      fill: async (root) => {
        await prepare(path.join(root, 'plain'));
        await prepare(path.join(root, on, 'work'));
      },
    }, async (union) => {
      const expected = await answers(path.join(union.root, 'plain'));
      expect(expected.length).toBeGreaterThan(500);
      const found = new Map(await answers(union.at('work')));
      for (const [what, { lower, elsewhere }] of ofAufs) {
        expect([what, found.get(what)]).toEqual([what, on === 'lower' ? lower : elsewhere]);
      }
      const different = expected.filter(([what, answer]) => !ofAufs.has(what) && JSON.stringify(found.get(what)) !== JSON.stringify(answer));
      expect(different.map(([what]) => [what, found.get(what)])).toEqual(different);
      expect(found.size).toBe(new Map(expected).size);
    }));
  });
});
