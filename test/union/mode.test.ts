import { expect, test } from 'vitest';
import { killSuidgid, setMode } from '../../src/union/mode.js';
import type { Node } from '../../src/union/node.js';
import { hold, letGo } from '../../src/union/place.js';
import type { UnionState } from '../../src/union/state.js';
import { failure, makeUnion, useUnions } from './helpers.js';

useUnions();

function held(u: UnionState, node: Node, change: (fd: number) => void): void {
  const at = hold(u, node);
  try {
    change(at.fd);
  } finally {
    letGo(at);
  }
}

function changeMode(u: UnionState, node: Node, mode: number): void {
  held(u, node, (fd) => setMode(u, node, fd, mode));
}

test('setMode of files, directories and what has no name any more', () => {
  const t = makeUnion([['rw', { a: '', d: null, l: { to: 'a' } }]]);
  const [a, d] = [t.walk('a'), t.walk('d')];
  changeMode(t.u, a, 0o4711);
  changeMode(t.u, d, 0o1700);
  expect([t.lstat(0, 'a').mode & 0o7777, t.lstat(0, 'd').mode & 0o7777]).toEqual([0o4711, 0o1700]);
  expect(failure(() => changeMode(t.u, t.walk('l'), 0o600))).toBe('EOPNOTSUPP');
  t.unlink('a');
  t.rmdir('d');
  changeMode(t.u, a, 0o600);
  changeMode(t.u, d, 0o700);
  expect([t.statNode(a).mode & 0o7777, t.statNode(d).mode & 0o7777]).toEqual([0o600, 0o700]);
});

test.each([[0o4755, 0o755], [0o2755, 0o755], [0o6775, 0o775], [0o2745, 0o2745], [0o6744, 0o2744], [0o1644, 0o1644], [0o644, 0o644]])(
  'killSuidgid makes %o of it %o', (mode, left) => {
    const t = makeUnion([['rw', { a: { text: '', mode } }]]);
    const a = t.walk('a');
    held(t.u, a, (fd) => killSuidgid(t.u, a, fd));
    expect(t.lstat(0, 'a').mode & 0o7777).toBe(left);
  });
