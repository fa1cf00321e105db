import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { UnionError } from '../../src/union/union.js';
import { branchSpec, failure, makeBranches, makeUnion, scratch, unionOver, useUnions } from './helpers.js';

useUnions();

describe('making a union', () => {
  test('the root is node 1, with all branches', () => {
    const t = makeUnion([['rw'], ['ro'], ['ro']]);
    expect([t.root.id, t.root.layers.length, t.root.lookups, t.union.nodes.size]).toEqual([1, 3, 1, 1]);
    expect(t.union.branches()).toEqual(['rw', 'ro', 'ro'].map((perm, i) => (
      { id: 64 + i, path: t.branch(i), text: `${t.branch(i)}=${perm}` })));
  });

  test('refused: no branch, one twice, one inside another, one that is not there', () => {
    const path = scratch();
    mkdirSync(`${path}/in`);
    writeFileSync(`${path}/file`, '');
    const refused = (...paths: string[]): (() => void) => () => void unionOver(paths.map((one) => branchSpec(one)));
    expect(refused()).toThrow(UnionError);
    expect(refused(path, path)).toThrow(`branch ${path} is given twice`);
    expect(refused(path, `${path}/in`)).toThrow(`branch ${path}/in lies inside branch ${path}`);
    expect(refused(path, '/no/such/branch')).toThrow('branch /no/such/branch does not exist');
    expect(refused(`${path}/in`, `${path}/file`)).toThrow(`branch ${path}/file is not a directory`);
    // That nothing stays open is checked after each test; nothing is made on the branches either.
    expect([readdirSync(path).sort(), readdirSync(`${path}/in`)]).toEqual([['file', 'in'], []]);
  });

  test('many branches', () => {
    const given = makeBranches(Array.from({ length: 300 }, (_, i) => [i === 0 ? 'rw' : 'ro', { [`f${String(i)}`]: '', 'd/x': '' }] as const));
    const t = unionOver(given);
    expect([t.ls().length, t.ls('d'), t.walk('d').layers.length]).toEqual([301, ['x'], 300]);
    t.write('f299', 'x');
    expect(t.names(0)).toContain('f299');
  });
});

test('cacheSeconds: for good only where nobody changes branches directly', () => {
  const trusting = makeUnion([['rw']], { udba: 'none' }).union;
  expect(trusting.cacheSeconds(trusting.root)).toBeGreaterThan(3600);
  const careful = makeUnion([['rw']], { udba: 'reval' }).union;
  expect(careful.cacheSeconds(careful.root)).toBeLessThanOrEqual(0.05);
});

test('events are built only when wanted', () => {
  const t = makeUnion([['rw'], ['ro', { a: '' }]]);
  t.union.wantEvents = false;
  t.unlink('a');
  expect(t.events).toEqual([]);
  t.union.wantEvents = true;
  t.union.caller.pid = 42;
  t.make('\xc3\xa4');
  expect(t.events).toEqual([{ kind: 'create', path: '/ä', branch: t.branch(0), pid: 42 }]);
});

test('names() tells the names that nodes are known by', () => {
  const t = makeUnion([['rw', { 'a': '', 'd/b': { same: 'a' } }]]);
  const d = t.walk('d');
  t.walk('a');
  t.walk('d/b');
  const names = [...t.union.names()];
  expect(names).toContainEqual({ parent: 1, name: 'd' });
  expect(names).toContainEqual({ parent: 1, name: 'a' });
  expect(names).toContainEqual({ parent: d.id, name: 'b' });
  expect(names.length).toBe(3);
});

test('syncfs, and readlink of what is no link', () => {
  const t = makeUnion([['rw', { a: '' }], ['ro']]);
  t.union.syncfs();
  expect(failure(() => t.readlink('a'))).toBe('EINVAL');
});

test('close leaves no descriptor, whatever is open', () => {
  const t = makeUnion([['rw', { 'a': '', 'd/e': null, 'gone': '' }], ['ro', { 'd/low': '', 'hard': '', 'd/hard': { same: 'hard' } }]]);
  t.open('a');
  t.open('gone');
  t.opendir('d');
  t.walk('d/e');
  t.unlink('gone');
  t.chmod('hard', 0o600);
  t.walk('d/hard');
  t.tmpfile();
  const before = readdirSync('/proc/self/fd').length;
  t.union.close();
  expect(readdirSync('/proc/self/fd').length).toBeLessThan(before);
  t.abandon();
});
