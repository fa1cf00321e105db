import { describe, expect, test } from 'vitest';
import { RENAME } from '../../src/posix/directory.js';
import { O } from '../../src/posix/file.js';
import { failure, makeUnion, useUnions } from './helpers.js';

useUnions();

describe('of a file', () => {
  test('on the upper branch', () => {
    const t = makeUnion([['rw', { a: 'A', d: null }], ['ro']]);
    const node = t.walk('a');
    t.rename('a', 'd/b');
    expect(t.names(0)).toEqual(['d/', 'd/b']);
    expect([t.walk('d/b'), t.look('a')]).toEqual([node, null]);
    expect(t.told()).toEqual(['rename /d/b']);
    expect(t.read('d/b')).toBe('A');
  });

  test('from a lower branch: copied up, a whiteout in its place', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': 'A', 'e/x': '' }]]);
    const ino = t.ino('d/a');
    t.rename('d/a', 'e/b');
    expect(t.names(0)).toEqual(['d/', 'd/.wh.a', 'e/', 'e/b']);
    expect([t.ino('e/b'), t.read('e/b'), t.has('d/a')]).toEqual([ino, 'A', false]);
    expect(t.events.find((event) => event.kind === 'rename')).toMatchObject({ path: '/e/b', from: '/d/a', branch: t.branch(0) });
    t.forgetAll();
    expect([t.ino('e/b'), t.has('d/a')]).toEqual([ino, false]);
  });

  test('of an upper copy of a lower file', () => {
    const t = makeUnion([['rw', { a: 'top' }], ['ro', { a: 'low' }]]);
    t.rename('a', 'b');
    expect(t.names(0)).toEqual(['.wh.a', 'b']);
    expect(t.ls()).toEqual(['b']);
  });

  test('over another: an open one goes on', () => {
    const t = makeUnion([['rw', { a: 'A' }], ['ro', { b: 'B' }]]);
    const victim = t.open('b');
    t.rename('a', 'b');
    expect(t.names(0)).toEqual(['b']);
    expect([t.read('b'), t.readFrom(victim), victim.node.removed]).toEqual(['A', 'B', true]);
    expect(t.statNode(victim.node).ino).not.toBe(t.ino('b'));
  });

  test('over one on the same branch', () => {
    const t = makeUnion([['rw', { a: 'A', b: 'B' }], ['ro']]);
    const victim = t.open('b');
    t.rename('a', 'b');
    expect([t.names(0), t.read('b'), t.readFrom(victim)]).toEqual([['b'], 'A', 'B']);
    expect(t.statNode(victim.node).nlink).toBe(0);
  });

  test('over a whiteout', () => {
    const t = makeUnion([['rw', { 'a': 'A', '.wh.b': '' }], ['ro', { b: 'B' }]]);
    t.rename('a', 'b');
    expect([t.names(0), t.read('b')]).toEqual([['b'], 'A']);
  });

  test('over what stands beside its whiteout', () => {
    const t = makeUnion([['rw', { 'a': 'A', '.wh.b': '', 'b/x': '', 'c': 'C', '.wh.d': '', 'd': 'D' }], ['ro']]);
    t.rename('a', 'b');
    t.rename('c', 'd');
    expect([t.names(0), t.read('b'), t.read('d')]).toEqual([['b', 'd'], 'A', 'C']);
  });

  test('onto another name of itself does nothing', () => {
    const t = makeUnion([['rw', { a: 'A', b: { same: 'a' } }]]);
    t.rename('a', 'b');
    expect(t.ls()).toEqual(['a', 'b']);
  });

  test('one of several names; the others stay', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A', b: { same: 'a' }, c: { same: 'a' } }]]);
    const node = t.walk('a');
    t.walk('b');
    t.rename('b', 'd');
    t.write('d', 'X');
    expect([t.walk('a'), t.walk('d'), t.walk('c')]).toEqual([node, node, node]);
    expect([t.read('a'), t.read('c'), t.read('d'), t.look('b')]).toEqual(['X', 'X', 'X', null]);
  });

  test('an open file is followed', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]]);
    const handle = t.open('a', O.RDWR);
    t.rename('a', 'b');
    t.writeTo(handle, 'B');
    expect([t.read('b'), t.readFrom(handle), t.ls()]).toEqual(['B', 'B', ['b']]);
  });

  test('there and back', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]]);
    t.rename('a', 'b');
    t.rename('b', 'a');
    expect([t.names(0), t.read('a'), t.ls()]).toEqual([['a'], 'A', ['a']]);
  });
});

describe('of a directory', () => {
  test('on the upper branch alone, with what is in it', () => {
    const t = makeUnion([['rw', { 'd/e/a': 'A' }], ['ro']]);
    const a = t.walk('d/e/a');
    const handle = t.open('d/e/a', O.RDWR);
    t.rename('d', 'f');
    expect(t.names(0)).toEqual(['f/', 'f/e/', 'f/e/a']);
    expect(t.walk('f/e/a')).toBe(a);
    expect(t.read('f/e/a')).toBe('A');
    t.writeTo(handle, 'B');
    t.make('f/e/b');
    expect(t.ls('f/e')).toEqual(['a', 'b']);
  });

  test('EXDEV where lower branches show something of it', () => {
    const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { 'd/b': '', 'e/b': '', 'f/b': '' }]]);
    expect(failure(() => t.rename('d', 'x'))).toBe('EXDEV');
    expect(failure(() => t.rename('e', 'x'))).toBe('EXDEV');
    t.unlink('f/b');
    t.rename('f', 'x');
    expect(t.ls()).toEqual(['d', 'e', 'x']);
  });

  test('EXDEV where a lower branch has it at all, in a union given in overlayfs\'s words', () => {
    const t = makeUnion([['rw', { 'd/a': '', 'merged': null, 'over/.wh..wh..opq': '', 'u': null }],
      ['ro', { d: null, merged: null, low: null, 'over/x': '' }]], { lowerDirsStay: true });
    for (const name of ['d', 'merged', 'low']) expect(failure(() => t.rename(name, 'x'))).toBe('EXDEV');
    expect(failure(() => t.rename('low', 'u'))).toBe('EXDEV');
    t.rename('over', 'x');
    t.rename('u', 'low');
    t.rename('low', 'merged');
    expect(t.ls()).toEqual(['d', 'merged', 'x']);
  });

  test('EXDEV leaves everything as it was, and no node', () => {
    const t = makeUnion([['rw'], ['ro', { 'e/b': '' }]]);
    expect(failure(() => t.union.rename(t.root, 'e', t.root, 'x', 0))).toBe('EXDEV');
    expect(t.names(0)).toEqual([]);
    expect(t.union.nodes.size).toBe(1);
  });

  test('an empty lower one: copied up, a whiteout in its place', () => {
    const t = makeUnion([['rw'], ['ro', { d: { dir: true, mode: 0o700 } }]]);
    const ino = t.ino('d');
    t.rename('d', 'e');
    expect(t.names(0)).toEqual(['.wh.d', 'e/']);
    expect([t.ino('e'), t.stat('e').mode & 0o777]).toEqual([ino, 0o700]);
  });

  test('onto a name that lower branches have as well: opaque', () => {
    const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { e: null }]]);
    t.rename('d', 'e');
    expect(t.names(0)).toEqual(['e/', 'e/.wh..wh..opq', 'e/a']);
    expect(t.ls('e')).toEqual(['a']);
  });

  test('onto a whiteout: opaque, or the lower one would come up', () => {
    const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { 'e/low': '' }]]);
    t.unlink('e/low');
    t.rmdir('e');
    t.rename('d', 'e');
    expect(t.names(0)).toEqual(['e/', 'e/.wh..wh..opq', 'e/a']);
    t.forgetAll();
    expect(t.ls('e')).toEqual(['a']);
  });

  test('over an empty one full of whiteouts', () => {
    const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { 'e/x': '', 'e/y': '' }]]);
    t.unlink('e/x');
    t.unlink('e/y');
    const victim = t.walk('e');
    t.rename('d', 'e');
    expect(t.names(0)).toEqual(['e/', 'e/.wh..wh..opq', 'e/a']);
    expect([t.ls('e'), victim.removed]).toEqual([['a'], true]);
    expect(t.statNode(victim).mode & 0o170000).toBe(0o040000);
  });

  test('what is made inside afterwards can be seen, whatever the policy', () => {
    const t = makeUnion([['rw', { 'd/s/a': '' }], ['rw', { 'e/low': '' }], ['ro', { e: null }]], { create: { name: 'rr' } });
    t.walk('d/s/a');
    const s = t.walk('d/s');
    t.unlink('e/low');
    t.rename('d', 'e');
    // Through the nodes that the kernel has, without a lookup between.
    const out = t.stat('e');
    for (const name of ['1', '2', '3', '4']) t.hand(t.union.mknod(s, name, 0o100644, 0, 0, out));
    t.forgetAll();
    expect(t.ls('e/s')).toEqual(['1', '2', '3', '4', 'a']);
  });

  test('errors', () => {
    const t = makeUnion([['rw', { 'd/a': '', 'e/x': '', 'f': '', 'g': null }], ['ro', { 'h/x': '' }]]);
    expect(failure(() => t.rename('d', 'e'))).toBe('ENOTEMPTY');
    expect(failure(() => t.rename('g', 'h'))).toBe('ENOTEMPTY');
    expect(failure(() => t.rename('d', 'f'))).toBe('ENOTDIR');
    expect(failure(() => t.rename('f', 'd'))).toBe('EISDIR');
    expect(failure(() => t.rename('f', 'h'))).toBe('EISDIR');
    expect(failure(() => t.rename('none', 'x'))).toBe('ENOENT');
    expect(failure(() => t.rename('f', 'x', RENAME.WHITEOUT))).toBe('EINVAL');
    expect(t.names(0)).toEqual(['d/', 'd/a', 'e/', 'e/x', 'f', 'g/']);
  });

  test('a failure leaves no node that the kernel does not know', () => {
    const t = makeUnion([['rw', { 'd/a': '', 'e/x': '', 'f': '' }]]);
    expect(failure(() => t.union.rename(t.root, 'd', t.root, 'e', 0))).toBe('ENOTEMPTY');
    expect(failure(() => t.union.rename(t.root, 'f', t.root, 'e', 0))).toBe('EISDIR');
    expect(t.union.nodes.size).toBe(1);
  });
});

describe('the branch', () => {
  test('the source\'s if it is writable, the lower one too', () => {
    const t = makeUnion([['rw'], ['rw', { a: 'A' }], ['ro']]);
    t.rename('a', 'b');
    expect([t.names(0), t.names(1)]).toEqual([[], ['b']]);
  });

  test('the target\'s if that is higher', () => {
    const t = makeUnion([['rw', { b: 'B' }], ['rw', { a: 'A' }], ['ro']]);
    t.rename('a', 'b');
    expect([t.names(0), t.ls(), t.read('b')]).toEqual([['.wh.a', 'b'], ['b'], 'A']);
  });

  test('EROFS', () => {
    expect(failure(() => makeUnion([['ro', { a: '' }]]).rename('a', 'b'))).toBe('EROFS');
  });
});

describe('flags', () => {
  test('NOREPLACE', () => {
    const t = makeUnion([['rw', { a: 'A' }], ['ro', { b: 'B' }]]);
    expect(failure(() => t.rename('a', 'b', RENAME.NOREPLACE))).toBe('EEXIST');
    t.rename('a', 'c', RENAME.NOREPLACE);
    expect(t.ls()).toEqual(['b', 'c']);
  });

  test('EXCHANGE on one branch', () => {
    const t = makeUnion([['rw', { a: 'A', 'd/e/b': 'B', 'x': null }], ['ro']]);
    const [a, d, inside] = [t.walk('a'), t.walk('d'), t.walk('d/e/b')];
    t.rename('a', 'd', RENAME.EXCHANGE);
    expect(t.names(0)).toEqual(['a/', 'a/e/', 'a/e/b', 'd', 'x/']);
    expect([t.walk('d'), t.walk('a'), t.walk('a/e/b')]).toEqual([a, d, inside]);
    expect([t.read('d'), t.read('a/e/b')]).toEqual(['A', 'B']);
    t.rename('d', 'x', RENAME.EXCHANGE);
    expect([t.read('x'), t.ls('d')]).toEqual(['A', []]);
  });

  test('EXCHANGE over more branches is EINVAL, without one of them ENOENT', () => {
    const t = makeUnion([['rw', { a: 'A', c: 'C' }], ['ro', { b: 'B', c: 'low' }]]);
    expect(failure(() => t.rename('a', 'b', RENAME.EXCHANGE))).toBe('EINVAL');
    expect(failure(() => t.rename('a', 'c', RENAME.EXCHANGE))).toBe('EINVAL');
    expect(failure(() => t.rename('a', 'none', RENAME.EXCHANGE))).toBe('ENOENT');
    expect(failure(() => t.rename('a', 'c', RENAME.EXCHANGE | RENAME.NOREPLACE))).toBe('EINVAL');
    expect([t.read('a'), t.read('b'), t.read('c')]).toEqual(['A', 'B', 'C']);
  });
});

describe('a pseudo-linked name that lies below its copy', () => {
  const trees = () => makeUnion([['rw', { 'd/.wh..wh..opq': '' }], ['rw', { g: 'content' }], ['ro', {}]]);

  test('moves the copy', () => {
    const t = trees();
    t.link('g', 'd/f');
    t.rename('g', 'h');
    t.write('d/f', 'changed');
    expect(t.read('h')).toBe('changed');
    expect(failure(() => t.read('g'))).toBe('ENOENT');
    expect(t.ino('h')).toBe(t.ino('d/f'));
  });
});
