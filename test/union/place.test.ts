import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O, close } from '../../src/posix/file.js';
import { E } from '../../src/posix/errno.js';
import { Stat, fstat } from '../../src/posix/stat.js';
import { anchorOf, openNode, placeOf, statNode } from '../../src/union/place.js';
import { failure, makeUnion, useUnions } from './helpers.js';

useUnions();

describe('placeOf', () => {
  test('a file is a name in its directory, a directory is a descriptor, what has no name an anchor', () => {
    const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { 'd/b': '' }]]);
    const [d, a, b] = [t.walk('d'), t.walk('d/a'), t.walk('d/b')];
    expect({ ...placeOf(t.u, a) }).toEqual({ fd: t.u.directory(d, 0), name: 'a' });
    expect({ ...placeOf(t.u, b) }).toEqual({ fd: t.u.directory(d, 1), name: 'b' });
    expect({ ...placeOf(t.u, d) }).toEqual({ fd: t.u.directory(d, 0), name: '' });
    t.unlink('d/a');
    expect({ ...placeOf(t.u, a) }).toEqual({ fd: a.anchor, name: '' });
    expect(anchorOf(a)).toBe(a.anchor);
  });

  test('without an anchor a removed node is ESTALE', () => {
    const t = makeUnion([['rw', { a: '' }]]);
    const a = t.walk('a');
    expect(failure(() => anchorOf(a))).toBe('ESTALE');
  });
});

test('statNode and openNode', () => {
  const t = makeUnion([['rw', { a: 'text', l: { to: 'a' } }]]);
  const [a, l] = [t.walk('a'), t.walk('l')];
  const st = new Stat();
  statNode(t.u, a, st);
  expect(st.size).toBe(4);
  const fd = openNode(t.u, a, O.RDONLY);
  fstat(fd, st);
  close(fd);
  expect(st.ino).toBe(t.lstat(0, 'a').ino);
  expect(openNode(t.u, l, O.RDONLY)).toBe(-E.ELOOP);
  rmSync(t.on(0, 'a'));
  expect([openNode(t.u, a, O.RDONLY), failure(() => statNode(t.u, a, st))]).toEqual([-E.ENOENT, 'ESTALE']);
});
