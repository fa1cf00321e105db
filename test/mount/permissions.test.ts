import { describe, expect, test } from 'vitest';
import { disk, memory, mounted } from '../helpers/mounted.js';
import { because, missing, noRootMount, pythonProgram, succeed } from '../helpers/process.js';

const obstacle = noRootMount() ?? missing('python3');
const matrix = new URL('permission-matrix.py', import.meta.url).pathname;

interface Outcome {
  different: object[];
  allowed: number;
  refused: number;
}

// More by hand: python3 test/mount/permission-matrix.py, see docs/conformance.md.
describe.skipIf(obstacle !== undefined)(`who may do what is as on a plain directory${because(obstacle)}`, () => {
  test.each([
    { where: 'a tmpfs', base: memory, count: '260', seed: '1' },
    { where: 'a disk', base: disk, count: '90', seed: '2' },
  ])('$count cases on $where', ({ base, count, seed }) => mounted({
    base,
    fill: async (root) => void await succeed(pythonProgram, [matrix, 'prepare', root, count, seed]),
  }, async (u) => {
    const answer = await succeed(pythonProgram, [matrix, 'run', u.root, count, seed]);
    const { different, allowed, refused } = JSON.parse(answer) as Outcome;
    expect(different).toEqual([]);
    // That the cases are about something.
    expect(Math.min(allowed, refused)).toBeGreaterThan(Number(count) / 4);
  }), 120_000);
});
