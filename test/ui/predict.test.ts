// What the page makes of an event until the server tells it: after the events of an operation it must be what the server tells.
import { describe, expect, test } from 'vitest';
import { directoryOf } from '../../src/ui/directory.js';
import { changeOf, reversed } from '../../src/ui/page/change.js';
import { fillIn, History } from '../../src/ui/page/history.js';
import { above, keyOf, parentOf } from '../../src/ui/page/paths.js';
import { type Directories, predicted } from '../../src/ui/page/predict.js';
import type { Branch, Directory, TraceEvent, Union } from '../../src/ui/protocol.js';
import type { UnionEvent } from '../../src/union/events.js';
import { makeUnion, useUnions, type TestUnion, type Tree } from '../union/helpers.js';

useUnions();

const UPPER: Tree = { 'a': 'upper', '.wh.gone': '', 'd/x': 'upper', 'o/.wh..wh..opq': '', 'o/x': '' };
const LOWER: Tree = { 'a': 'lower', 'b': 'lower', 'gone': '', 'd/x': '', 'd/y': '', 'o/y': '', 'e/f/z': '', 'empty': null };

function branchesOf(t: TestUnion): Branch[] {
  return t.u.branches.map(({ path: directory, writable }, index) =>
    ({ index, id: index, directory, label: String(index), permission: 'rw', writable, marksCount: true }));
}

/** All directories that the union shows. */
function everything(t: TestUnion): Map<string, Directory> {
  const all = new Map<string, Directory>();
  const add = (key: string): void => {
    const directory = directoryOf(t.u, key === '' ? '/' : key);
    all.set(key, directory);
    for (const { name, type } of directory.entries) if (type === 'directory') add(`${key}/${name}`);
  };
  add('');
  return all;
}

function asTold(event: UnionEvent): TraceEvent {
  return { ...event, time: new Date(0).toISOString() };
}

/** Files and directories only; how long a file is becomes known when it is read again. */
function comparable(directory: Directory | undefined): unknown {
  return directory?.entries.map(({ name, type, seen, layers, whiteouts, opaque }) => ({
    name, type, seen, whiteouts, opaque, layers: layers.map(({ branch, type: each, state }) => ({ branch, type: each, state })),
  }));
}

interface Done {
  before: Directories;
  /** By what was made of the events. */
  after: Directories;
  real: Directories;
  events: TraceEvent[];
}

function done(t: TestUnion, work: (t: TestUnion) => void): Done {
  const before = everything(t);
  t.events.length = 0;
  work(t);
  const events = t.events.map(asTold);
  let after: Directories = before;
  for (const event of events) {
    const change = changeOf(event, branchesOf(t));
    if (change !== null) after = new Map([...after, ...predicted(after, change)]);
  }
  return { before, after, real: everything(t), events };
}

const operations: [string, (t: TestUnion) => void][] = [
  ['a file is copied up', (t) => t.chmod('b', 0o600)],
  ['a file and its directories are copied up', (t) => t.chmod('e/f/z', 0o600)],
  ['a file of the upper branch is removed, which the lower one has too', (t) => t.unlink('a')],
  ['a file of the lower branch is removed', (t) => t.unlink('b')],
  ['a file is made where one was removed', (t) => void t.make('gone')],
  ['a directory is made where a file was removed', (t) => t.mkdir('gone')],
  ['a file is made', (t) => void t.make('d/new')],
  ['a directory is made', (t) => t.mkdir('new')],
  ['a directory of the lower branch is removed', (t) => t.rmdir('empty')],
  ['a file of the lower branch is renamed', (t) => t.rename('b', 'd/b')],
  ['a file of the upper branch is renamed', (t) => t.rename('o/x', 'x')],
  ['a file is renamed over another', (t) => t.rename('b', 'd/y')],
  ['a new directory is renamed', (t) => { t.mkdir('new'); t.rename('new', 'd/new'); }],
  ['a file gets another name', (t) => void t.link('d/x', 'linked')],
];

describe('what is made of events is what the union then shows', () => {
  test.each(operations)('%s', (_, work) => {
    const { before, after, real, events } = done(makeUnion([['rw', UPPER], ['ro', LOWER]]), work);
    expect(events).not.toEqual([]);
    for (const key of before.keys()) if (real.has(key)) expect(comparable(after.get(key)), key).toEqual(comparable(real.get(key)));
  });

  test.each(['gone', 'b'])('between the events of one operation nothing of the lower branch appears: %s', (name) => {
    const t = makeUnion([['rw', UPPER], ['ro', LOWER]]);
    if (name === 'b') t.unlink('b');
    for (const work of [() => t.mkdir(name), () => { t.rmdir(name); }, () => void t.make(name)]) {
      let state: Directories = everything(t);
      t.events.length = 0;
      work();
      for (const event of t.events.map(asTold)) {
        const change = changeOf(event, branchesOf(t))!;
        state = new Map([...state, ...predicted(state, change)]);
        expect([event.kind, state.get('')?.entries.find((entry) => entry.name === name)?.seen]).not.toEqual([event.kind, 1]);
      }
    }
  });

  test('entries that did not change are the same objects', () => {
    const { before, after } = done(makeUnion([['rw', UPPER], ['ro', LOWER]]), (t) => t.chmod('b', 0o600));
    expect(after.get('/d')).toBe(before.get('/d'));
    expect(after.get('')?.entries.find(({ name }) => name === 'a')).toBe(before.get('')?.entries.find(({ name }) => name === 'a'));
    expect(after.get('')).not.toEqual(before.get(''));
  });

  test('a change that is taken back leaves what was before', () => {
    for (const [, work] of operations.slice(0, 2)) {
      const t = makeUnion([['rw', UPPER], ['ro', LOWER]]);
      const { before, real, events } = done(t, work);
      let state: Directories = real;
      for (const event of events.toReversed()) {
        const back = reversed(changeOf(event, branchesOf(t))!)!;
        state = new Map([...state, ...predicted(state, back)]);
      }
      for (const key of before.keys()) expect(comparable(state.get(key)), key).toEqual(comparable(before.get(key)));
    }
  });

  test('of branches that are not in the union any more nothing is made', () => {
    const event: TraceEvent = { kind: 'create', path: '/x', branch: '/elsewhere', pid: 1, time: '' };
    expect(changeOf(event, branchesOf(makeUnion([['rw']])))).toBeNull();
  });
});

describe('the timeline', () => {
  /** Three operations, each a step or more, of directories that are known or not. */
  function history(known: boolean): { history: History; states: Directories[]; now: Directories } {
    const t = makeUnion([['rw', UPPER], ['ro', LOWER]]);
    const all = new History();
    const union = { branches: branchesOf(t) } as unknown as Union;
    const states: Directories[] = [everything(t)];
    let now: Directories = known ? everything(t) : new Map();
    for (const work of [operations[0][1], operations[3][1], operations[6][1]].slice(0, known ? 3 : 1)) {
      const { events } = done(t, work);
      for (const event of events) {
        const change = changeOf(event, union.branches);
        const after = change === null ? new Map<string, Directory>() : predicted(now, change);
        const before = new Map([...after.keys()].map((key) => [key, now.get(key)!]));
        all.add({ event, change, union, before, after });
        now = new Map([...now, ...after]);
      }
      const real = everything(t);
      for (const [key, directory] of real) fillIn(all.steps, key, directory);
      now = real;
      states.push(real);
    }
    return { history: all, states, now };
  }

  test('at every step the directories are as they were', () => {
    const { history: all, states, now } = history(true);
    const root = (at: number): unknown => comparable(all.at(at, now).get(''));
    expect(all.steps.map(({ event }) => event.kind)).toEqual(['copy-up', 'whiteout', 'unlink', 'create']);
    expect(root(0)).toEqual(comparable(states[0].get('')));
    expect(root(1)).toEqual(comparable(states[1].get('')));
    expect(root(2)).not.toEqual(root(1));
    expect(root(3)).toEqual(comparable(states[2].get('')));
    expect(comparable(all.at(3, now).get('/d'))).toEqual(comparable(states[2].get('/d')));
    expect(comparable(all.at(4, now).get('/d'))).toEqual(comparable(states[3].get('/d')));
  });

  test('of a directory that was read only afterwards it is worked out what was before', () => {
    const { history: all, states, now } = history(false);
    expect(comparable(all.at(0, now).get(''))).toEqual(comparable(states[0].get('')));
    expect(comparable(all.at(1, now).get(''))).toEqual(comparable(states[1].get('')));
  });

  test('the oldest steps are forgotten, and the others keep their numbers', () => {
    const all = new History();
    const event: TraceEvent = { kind: 'lost', path: '', branch: '', pid: 0, time: '' };
    for (let i = 0; i < 600; i++) all.add({ event, change: null, union: {} as Union, before: new Map(), after: new Map() });
    expect(all.steps).toHaveLength(500);
    expect(all.step(100)).toBeUndefined();
    expect(all.step(600)).toBe(all.steps.at(-1));
  });
});

test('paths: names that are no UTF-8 stay apart, parents and those above', () => {
  expect(keyOf('/a b/ü')).toBe('/a%20b/%C3%BC');
  expect(keyOf('/')).toBe('');
  expect([parentOf('/a/b'), parentOf('/a'), parentOf('')]).toEqual(['/a', '', '']);
  expect(above('/a/b/c')).toEqual(['', '/a', '/a/b']);
});
