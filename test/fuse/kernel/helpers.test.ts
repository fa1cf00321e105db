// Copies that begin on the loop's thread, and go on in another.
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type * as Helpers from '../../../src/fuse/kernel/helpers.js';
import { E } from '../../../src/posix/errno.js';
import { EFD, POLL, eventfd, eventfdTake, poll } from '../../../src/posix/event.js';
import { type Compiled, compile } from '../compiled.js';

const MIB = 1 << 20;
let compiled: Compiled;
let HelperThreads: typeof Helpers.HelperThreads;
beforeAll(async () => {
  compiled = compile();
  ({ HelperThreads } = await import(compiled.url('src/fuse/kernel/helpers').href) as typeof Helpers);
});
afterAll(() => compiled.remove());

let directory: string;
let control: number;
let helpers: Helpers.HelperThreads;
let open: number[];
beforeEach(() => {
  directory = mkdtempSync('/dev/shm/tsaufs-helpers-');
  control = eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC);
  helpers = new HelperThreads(control, () => undefined);
  open = [control];
});
afterEach(() => {
  helpers.close();
  for (const fd of open) closeSync(fd);
  rmSync(directory, { recursive: true });
});

interface Copy {
  results: number[];
  copying: ReturnType<Helpers.HelperThreads['copy']>;
  text: () => Buffer;
}

function copyOf(name: string, content: Buffer): Copy {
  writeFileSync(path.join(directory, name), content);
  const to = path.join(directory, `${name}-copy`);
  const fds = [openSync(path.join(directory, name), 'r'), openSync(to, 'w+')];
  open.push(...fds);
  const results: number[] = [];
  const copying = helpers.copy(fds[0], fds[1], fstatSync(fds[0]).size, false, (result) => results.push(result));
  return { results, copying, text: () => readFileSync(to) };
}

/** As the loop does. On a busy machine a thread may be asked for help. */
function drain(...copies: Copy[]): number {
  let pieces = 0;
  while (copies.some(({ results }) => results.length === 0)) {
    if (helpers.work()) pieces++;
    else poll([{ fd: control, events: POLL.IN }], 30_000);
    eventfdTake(control);
    helpers.collect();
  }
  return pieces;
}

test('piece by piece', () => {
  const content = Buffer.alloc(3 * MIB + 1, 'abcdefg');
  const copy = copyOf('a', content);
  expect(drain(copy)).toBeGreaterThan(0);
  expect(copy.results).toEqual([content.length]);
  expect(copy.text().equals(content)).toBe(true);
});

test('two take turns; one that is stopped ends at once', () => {
  const [a, b] = [copyOf('a', Buffer.alloc(MIB, 'a')), copyOf('b', Buffer.alloc(2 * MIB, 'b'))];
  helpers.work();
  helpers.work();
  expect([a, b].map(({ text }) => text().length)).toEqual([MIB / 2, MIB / 2]);
  b.copying.stop();
  drain(a, b);
  expect([a.results, b.results]).toEqual([[MIB], [-E.ECANCELED]]);
});

test('what takes long is taken over by a thread', async () => {
  const content = Buffer.alloc(2 * MIB, 'abcdefg');
  const { results, text } = copyOf('a', content);
  helpers.work();
  // Meanwhile others were served.
  await new Promise((resolve) => setTimeout(resolve, 50));
  helpers.work();
  // The thread says that it is there, and later that it is done.
  for (const left of [[], [content.length]]) {
    expect(poll([{ fd: control, events: POLL.IN }], 30_000)).toBe(1);
    eventfdTake(control);
    helpers.collect();
    expect(results).toEqual(left);
    expect(helpers.work()).toBe(false);
  }
  expect(text().equals(content)).toBe(true);
});

test('the end cancels what is under way', () => {
  const { results } = copyOf('a', Buffer.alloc(2 * MIB, 'a'));
  helpers.work();
  helpers.close();
  expect(results).toEqual([-E.ECANCELED]);
});
