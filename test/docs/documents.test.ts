// Every command in the documents is run, and prints what the document says. docs/contributing.md tells how.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { because, missing, noRootMount, project } from '../helpers/process.js';
import { removeControlGroups } from './machine.js';
import { documentNames, readDocument, type Block } from './document.js';
import { play, planOf, type Difference, type Episode, type Plan } from './play.js';
import { parseSession } from './session.js';

const obstacle = noRootMount() ?? missing('unshare', 'nsenter', 'setpriv', 'fusermount3');

/** Runs as many at a time as there are processors, and one more, since each waits for others half of the time. */
const inTurn = queue(availableParallelism() + 1);

/** All of them, or for who writes one: `DOCUMENT=docs/usage.md npx vitest run test/docs`. */
const chosen = documentNames().filter((name) => name === (process.env['DOCUMENT'] ?? name));

const documents = chosen.map((name) => {
  try {
    return { name, episodes: planOf(readDocument(name)) };
  } catch (error) {
    return { name, episodes: [], wrong: error as Error };
  }
});
const outcomes = new Map<Episode, Promise<Map<Block, Difference[] | Error>>>();

describe.skipIf(obstacle !== undefined)(`the commands of the documents${because(obstacle)}`, { timeout: 240_000 }, () => {
  // All begin together, whichever test waits first.
  beforeAll(() => {
    for (const episode of documents.flatMap(({ episodes }) => episodes)) outcomes.set(episode, inTurn(() => play(episode)));
  });
  // Nothing runs on when a test is broken off.
  afterAll(async () => {
    await Promise.allSettled(outcomes.values());
    await removeControlGroups();
  }, 240_000);

  for (const { name, episodes, wrong } of documents) {
    if (wrong) test(name, () => { throw wrong; });
    describe.skipIf(episodes.length === 0)(name, () => {
      for (const episode of episodes) for (const plan of episode) aTest(name, episode, plan);
    });
  }
});

function aTest(name: string, episode: Episode, plan: Plan): void {
  const { block } = plan;
  const title = `${name}:${block.line}  ${titleOf(block)}`;
  if (plan.kind === 'skip') return test.skip(`${title}${because(plan.reason)}`, () => undefined);
  if (plan.kind === 'elsewhere') return test(`${title} (run by ${plan.tests.join(', ')})`, () => mustContain(plan.tests, block));
  test(title, async () => {
    const result = (await outcomes.get(episode)!).get(block)!;
    if (result instanceof Error) throw result;
    if (result.length === 0) return;
    const [{ line, command, because: why, actual, expected }, ...others] = result;
    const message = [`${name}:${line}: ${command}: ${why}`, ...others.map((other) => `and line ${other.line}: ${other.command}: ${other.because}`)].join('\n');
    if (result[0].matches) throw new Error(message);
    expect(actual, message).toBe(expected);
  });
}

function titleOf(block: Block): string {
  return /^[#$] (.*)/.exec(block.text)?.[1].slice(0, 70) ?? block.language;
}

/** Commands that another test runs must stand in it as they are printed; blanks may differ. */
function mustContain(tests: readonly string[], block: Block): void {
  const bare = (text: string): string => text.replace(/\s+/g, ' ');
  const script = tests.map((test) => bare(readFileSync(path.join(project, test), 'utf8'))).join('\n');
  const absent = parseSession(block.text, block.line + 1).filter(({ command }) => !script.includes(bare(command.replace(/^\.\/| # .*$/gs, '')).trim()));
  expect(absent.map(({ line, command }) => `${line}: ${command}`), `commands that ${tests.join(', ')} should have`).toEqual([]);
}

function queue(places: number): <T>(use: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = places;
  return async (use) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      return await use();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
