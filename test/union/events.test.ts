import { describe, expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import { RENAME } from '../../src/posix/directory.js';
import type { UnionEvent } from '../../src/union/events.js';
import { makeUnion, useUnions, type TestUnion } from './helpers.js';

useUnions();

/** What is told while `work` is done: kind and path, and the other name where there is one. */
function told(t: TestUnion, work: () => void): string[] {
  t.events.length = 0;
  work();
  const other = ({ kind, from = '' }: UnionEvent): string => kind === 'rename' || kind === 'link' ? `${from} ` : '';
  return t.events.map((event) => `${event.kind} ${other(event)}${event.path}`);
}

describe('lookups', () => {
  const lookup = (t: TestUnion, path: string): Partial<UnionEvent> => {
    t.look(path.split('/').slice(0, -1).join('/'));
    t.events.length = 0;
    t.look(path);
    return t.events.at(-1)!;
  };
  const union = (): TestUnion => {
    const t = makeUnion([
      ['rw', { 'd/x': '', '.wh.hidden': '', 'o/.wh..wh..opq': '' }], ['ro', { 'a': '', 'hidden': '', 'o/y': '' }], ['ro', { 'a': '', 'd/z': '' }],
    ]);
    t.union.wantLookups = true;
    return t;
  };

  test('found: as far as the branch that has it', () => {
    const t = union();
    t.union.caller.pid = 7;
    expect(lookup(t, 'a')).toEqual({
      kind: 'lookup', path: '/a', branch: t.branch(1), result: 'found', asked: [t.branch(0), t.branch(1)],
      duration: expect.any(Number) as number, pid: 7,
    });
  });

  test('hidden: as far as the whiteout', () => {
    const t = union();
    expect(lookup(t, 'hidden')).toMatchObject({ branch: t.branch(0), result: 'hidden', asked: [t.branch(0)] });
  });

  test('missing: all branches', () => {
    const t = union();
    expect(lookup(t, 'no')).toMatchObject({ branch: '', result: 'missing', asked: [0, 1, 2].map((i) => t.branch(i)) });
  });

  test('directories: merged over all branches, or as far as an opaque mark; below them, their own branches only', () => {
    const t = union();
    expect(lookup(t, 'd')).toMatchObject({ result: 'found', asked: [0, 1, 2].map((i) => t.branch(i)), merged: [t.branch(0), t.branch(2)] });
    expect(lookup(t, 'd/z')).toMatchObject({ path: '/d/z', branch: t.branch(2), asked: [t.branch(0), t.branch(2)] });
    const opaque = lookup(t, 'o');
    expect(opaque).toMatchObject({ result: 'found', branch: t.branch(0), asked: [t.branch(0)] });
    expect(opaque.merged).toBeUndefined();
  });

  test('of those who want no lookups none is told', () => {
    const t = union();
    t.union.wantLookups = false;
    expect(told(t, () => void t.look('a'))).toEqual([]);
  });

  test('the walk through the union that makes pseudo-links real is nobody\'s', () => {
    const t = makeUnion([['rw'], ['ro', { 'a': '', 'd/b': { same: 'a' } }]]);
    t.chmod('a', 0o600);
    t.union.wantLookups = true;
    t.forgetAll();
    t.events.length = 0;
    t.union.command('flush-plinks', null);
    expect(t.names(0)).toContain('d/b');
    expect(t.events.filter(({ kind }) => kind === 'lookup')).toEqual([]);
  });
});

describe('changes are told in full', () => {
  test('a file removed while it is open is copied up without a name', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'AAA' }]]);
    const handle = t.open('a', O.RDWR);
    t.unlink('a');
    t.events.length = 0;
    t.writeTo(handle, 'x');
    expect(t.events).toMatchObject([{ kind: 'copy-up', path: '/a', from: t.branch(1), branch: t.branch(0), bytes: 3 }]);
  });

  test('a copy-up takes time', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': 'AAA' }]]);
    t.chmod('d/a', 0o600);
    const copies = t.events.filter(({ kind }) => kind === 'copy-up');
    expect(copies.map(({ path }) => path)).toEqual(['/d', '/d/a']);
    for (const { duration } of copies) expect(duration).toBeGreaterThan(0);
  });

  test('removal: the whiteout first', () => {
    const t = makeUnion([['rw', { own: '' }], ['ro', { a: '', d: null }]]);
    expect(told(t, () => t.unlink('own'))).toEqual(['unlink /own']);
    expect(told(t, () => t.unlink('a'))).toEqual(['whiteout /a', 'unlink /a']);
    expect(told(t, () => t.rmdir('d'))).toEqual(['whiteout /d', 'rmdir /d']);
  });

  test('renaming over a whiteout takes it away, and makes a directory opaque', () => {
    const t = makeUnion([['rw', { a: '', d: null }], ['ro', { gone: '', dir: null }]]);
    t.unlink('gone');
    t.rmdir('dir');
    expect(told(t, () => t.rename('a', 'gone'))).toEqual(['unwhiteout /gone', 'rename /a /gone']);
    expect(told(t, () => t.rename('d', 'dir'))).toEqual(['opaque /dir', 'unwhiteout /dir', 'rename /d /dir']);
  });

  test('an exchange is two renames', () => {
    const t = makeUnion([['rw', { 'a': '', 'd/b': '' }]]);
    expect(told(t, () => t.rename('a', 'd/b', RENAME.EXCHANGE))).toEqual(['rename /a /d/b', 'rename /d/b /a']);
  });
});
