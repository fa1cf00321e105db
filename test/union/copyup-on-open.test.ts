import { expect, test } from 'vitest';
import { copyUpOnOpen } from '../../src/union/copyup-on-open.js';
import { makeUnion, useUnions } from './helpers.js';

useUnions();

const low = { 'd/a': 'A', 'l': { to: 'd' }, 'e/b': 'B' };

test('without the attribute nothing is copied', () => {
  const t = makeUnion([['rw'], ['ro', low]]);
  t.read('d/a');
  t.ls('d');
  expect(t.names(0)).toEqual([]);
});

test('coo_reg: regular files', () => {
  const t = makeUnion([['rw'], ['ro+coo_reg', low]]);
  t.ls('e');
  expect(t.names(0)).toEqual([]);
  expect(t.read('d/a')).toBe('A');
  expect(t.names(0)).toEqual(['d/', 'd/a']);
  expect(t.text(1, 'd/a')).toBe('A');
});

test('coo_all: directories too, without their contents', () => {
  const t = makeUnion([['rw'], ['ro+coo_all', low]]);
  expect(t.ls('e')).toEqual(['b']);
  expect(t.names(0)).toEqual(['e/']);
});

test('to the nearest writable branch above; from a writable one as well', () => {
  const t = makeUnion([['rw'], ['rw'], ['rw+coo_reg', low]]);
  t.read('d/a');
  expect([t.names(0), t.names(1)]).toEqual([[], ['d/', 'd/a']]);
});

test('moo: moved, and open handles follow', () => {
  const t = makeUnion([['rw'], ['rw+moo', low]]);
  const ino = t.ino('d/a');
  expect(t.read('d/a')).toBe('A');
  expect([t.names(0), t.names(1), t.ino('d/a')]).toEqual([['d/', 'd/a'], ['d/', 'e/', 'e/b', 'l@'], ino]);
  t.unlink('d/a');
  expect([t.names(0), t.ls('d')]).toEqual([['d/'], []]);
});

test('nothing writable above: read where it is', () => {
  const t = makeUnion([['ro'], ['ro+coo_all', low]]);
  expect([t.read('d/a'), t.ls('d')]).toEqual(['A', ['a']]);
});

test('symlinks, the root, what has no name: not copied', () => {
  const t = makeUnion([['rw'], ['ro+coo_all', low]]);
  const [l, a] = [t.walk('l'), t.walk('d/a')];
  copyUpOnOpen(t.u, l);
  copyUpOnOpen(t.u, t.root);
  t.unlink('d/a');
  copyUpOnOpen(t.u, a);
  expect(t.names(0)).toEqual(['d/', 'd/.wh.a']);
});
