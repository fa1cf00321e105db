import { describe, expect, test } from 'vitest';
import { memory, mounted } from '../helpers/mounted.js';
import { because, missing, noRootMount, pythonProgram, succeed } from '../helpers/process.js';

const obstacle = noRootMount() ?? missing('python3');
const exchange = new URL('exchange.py', import.meta.url).pathname;

interface Outcome {
  /** Part, calls that succeeded, calls that failed, what was met that should not be. */
  clients: [part: string, done: number, failed: number, met: string[]][];
  /** What lies outside of the branches is as it was. */
  outside: boolean;
  exposed: unknown[];
}

describe.skipIf(obstacle !== undefined)(`names are exchanged on the branches while the union is used${because(obstacle)}`, () => {
  test.each(['udba=reval', 'udba=none'])('%s: no link leads outside, and what is root’s stays root’s', (options) => mounted({
    base: memory,
    options,
    fill: async (root) => void await succeed(pythonProgram, [exchange, 'prepare', root]),
  }, async (u) => {
    const { clients, outside, exposed } = JSON.parse(await succeed(pythonProgram, [exchange, 'run', u.root, '6'])) as Outcome;
    expect({ met: clients.map(([part, , , met]) => [part, met]), outside, exposed })
      .toEqual({ met: [['links', []], ['owners', []]], outside: true, exposed: [] });
    // That something was done.
    for (const [, done] of clients) expect(done).toBeGreaterThan(0);
  }), 120_000);
});
