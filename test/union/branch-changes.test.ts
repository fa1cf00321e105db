import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import { UnionError } from '../../src/union/branch.js';
import type { BranchChange } from '../../src/union/branch-changes.js';
import { branchSpec, failure, makeBranches, makeUnion, scratch, useUnions, type TestUnion, type Tree } from './helpers.js';

useUnions();

function change(t: TestUnion, one: BranchChange): void {
  t.union.command('change', one);
}

function add(t: TestUnion, index: number, text: string, tree: Tree = {}): string {
  const [branch] = makeBranches([[text, tree]]);
  change(t, { kind: 'add', index, branch });
  return branch.path;
}

function modify(t: TestUnion, index: number, text: string): void {
  const { path, ...mode } = branchSpec(t.branch(index), text);
  change(t, { kind: 'mod', path, mode });
}

function remove(t: TestUnion, index: number): void {
  change(t, { kind: 'del', path: t.branch(index) });
}

describe('add', () => {
  test('on top: what it has is seen, what is written goes there', () => {
    const t = makeUnion([['rw', { a: 'old', b: 'B' }], ['ro', { 'd/x': '' }]]);
    t.walk('a');
    const d = t.ino('d');
    add(t, 0, 'rw', { 'a': 'new', 'd/y': '', '.wh.b': '' });
    expect([t.read('a'), t.ls(), t.ls('d'), t.ino('d')]).toEqual(['new', ['a', 'd'], ['x', 'y'], d]);
    t.make('c');
    expect(t.names(0)).toContain('c');
    expect(t.u.branches.map((branch) => [branch.index, branch.id])).toEqual([[0, 66], [1, 64], [2, 65]]);
    expect(readdirSync(t.branch(0))).toContain('.wh..wh.orph');
  });

  test('at the end, by any index past it', () => {
    const t = makeUnion([['rw', { a: 'top' }]]);
    add(t, Number.POSITIVE_INFINITY, 'ro', { a: 'low', b: 'low' });
    expect([t.read('a'), t.read('b'), t.u.branches[1].index]).toEqual(['top', 'low', 1]);
  });

  test('what is open stays what it is', () => {
    const t = makeUnion([['rw', { a: 'old' }]]);
    const handle = t.open('a', O.RDWR);
    add(t, 0, 'rw', { a: 'new' });
    expect(t.read('a')).toBe('new');
    t.writeTo(handle, 'OLD');
    expect([t.readFrom(handle), t.text(1, 'a')]).toEqual(['OLD', 'OLD']);
    expect(t.ino('a')).not.toBe(handle.node.ino);
  });

  test.each([0, 1])('on %i, hiding what is open: a write goes to a copy that nobody else sees', (index) => {
    const t = makeUnion([['rw'], ['ro', { 'a': 'low', 'd/b': 'low' }]]);
    const [a, b] = [t.open('a', O.RDWR), t.open('d/b', O.RDWR)];
    add(t, index, index === 0 ? 'rw' : 'ro+wh', { 'a': 'new', '.wh.d': '' });
    t.writeTo(a, 'LOW');
    t.writeTo(b, 'LOW');
    expect([t.readFrom(a), t.readFrom(b), t.read('a'), t.has('d')]).toEqual(['LOW', 'LOW', 'new', false]);
    const written = index === 0 ? ['.wh.d', 'a'] : [];
    expect(t.names(0).filter((name) => !name.startsWith('.wh..')).sort()).toEqual(written);
    for (const handle of [a, b]) t.release(handle);
    remove(t, index);
    expect([t.read('a'), t.read('d/b')]).toEqual(['low', 'low']);
  });

  test('what was hidden while it was open is the same file again when the branch goes', () => {
    const t = makeUnion([['rw', { a: 'old' }]]);
    const handle = t.open('a', O.RDWR);
    const { ino } = handle.node;
    add(t, 0, 'ro', { a: 'new' });
    expect(t.ino('a')).not.toBe(ino);
    remove(t, 0);
    expect(t.ino('a')).toBe(ino);
    t.writeTo(handle, 'OLD');
    expect([t.read('a'), t.text(0, 'a')]).toEqual(['OLD', 'OLD']);
  });

  test('a directory that the new branch hides is gone for who is inside', () => {
    const t = makeUnion([['rw', { 'd/a': '' }]]);
    const d = t.walk('d');
    add(t, 0, 'rw', { '.wh.d': '' });
    expect([t.has('d'), d.removed]).toEqual([false, true]);
    expect(t.union.lookup(d, 'a', t.statNode(t.root))).toBeNull();
  });

  test('refused: overlapping, missing, no such place; nothing changes', () => {
    const t = makeUnion([['rw', { d: null }], ['ro']]);
    const none = `${scratch()}/none`;
    for (const [path, index, message] of [
      [t.branch(1), 0, 'is given twice'], [`${t.branch(0)}/d`, 0, 'lies inside'], [none, 0, 'does not exist'],
      [scratch(), 5, 'there is no place 5'],
    ] as const) {
      expect(() => change(t, { kind: 'add', index, branch: branchSpec(path, 'rw') })).toThrow(UnionError);
      expect(() => change(t, { kind: 'add', index, branch: branchSpec(path, 'rw') })).toThrow(message);
    }
    expect(t.u.branches.length).toBe(2);
  });

  test('the kernel is told to look again', () => {
    const t = makeUnion([['rw']]);
    add(t, 1, 'ro');
    expect(t.changed).toContain(t.root.id);
  });
});

describe('del', () => {
  test('what it had or hid is seen no more, or again', () => {
    const t = makeUnion([['rw', { 'a': 'top', '.wh.b': '', 'd/x': '' }], ['ro', { a: 'low', b: 'low', 'd/y': '' }]]);
    for (const path of ['a', 'd/x', 'd/y']) t.walk(path);
    const d = t.ino('d');
    remove(t, 0);
    expect([t.read('a'), t.ls(), t.ls('d'), t.ino('d')]).toEqual(['low', ['a', 'b', 'd'], ['y'], d]);
    expect(failure(() => t.make('c'))).toBe('EROFS');
  });

  test('EBUSY while something is open there, and it says what', () => {
    const t = makeUnion([['rw', { 'd/a': '' }], ['ro', { b: '' }]]);
    const handle = t.open('d/a');
    expect(() => remove(t, 0)).toThrow(new UnionError(`branch ${t.branch(0)} is busy: /d/a in use`));
    t.release(handle);
    const directory = t.opendir('d');
    expect(() => remove(t, 0)).toThrow(new UnionError(`branch ${t.branch(0)} is busy: /d in use`));
    t.releasedir(directory);
    remove(t, 0);
    expect(t.ls()).toEqual(['b']);
  });

  test('a node that lived there is ESTALE', () => {
    const t = makeUnion([['rw', { a: '' }], ['ro']]);
    const node = t.walk('a');
    remove(t, 0);
    expect([failure(() => t.statNode(node)), failure(() => t.openNode(node)), t.has('a')]).toEqual(['ESTALE', 'ESTALE', false]);
  });

  test('the last one, or none of the union', () => {
    const t = makeUnion([['rw']]);
    expect(() => remove(t, 0)).toThrow('is the last branch');
    expect(() => change(t, { kind: 'del', path: '/none' })).toThrow(new UnionError('/none is no branch of this union; see tsaufs list'));
  });

  test('the pseudo-links on it are made real before', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low', b: { same: 'a' } }]]);
    t.write('a', 'new');
    t.walk('b');
    const path = t.branch(0);
    remove(t, 0);
    expect(readdirSync(path).filter((name) => !name.startsWith('.wh.')).sort()).toEqual(['a', 'b']);
    expect([readdirSync(`${path}/.wh..wh.plnk`), t.read('a'), t.read('b')]).toEqual([[], 'low', 'low']);
  });

  test('add and del many times leaves nothing open', () => {
    const t = makeUnion([['ro', { 'd/x': '' }]]);
    const spec = branchSpec(scratch(), 'rw');
    for (let i = 0; i < 20; i++) {
      change(t, { kind: 'add', index: 0, branch: spec });
      t.make(`d/${String(i)}`);
      expect(t.ls('d').length).toBe(2);
      change(t, { kind: 'del', path: spec.path });
      rmSync(`${spec.path}/d`, { recursive: true, force: true });
    }
    expect(t.ls('d')).toEqual(['x']);
  });
});

describe('mod', () => {
  test('to ro: nothing is written there any more, the base entries go', () => {
    const t = makeUnion([['rw'], ['rw', { a: 'A' }]]);
    modify(t, 1, 'ro');
    t.chmod('a', 0o600);
    expect([t.names(0), t.lstat(1, 'a').mode & 0o777]).toEqual([['a'], 0o644]);
    expect(readdirSync(t.branch(1))).toEqual(['a']);
    expect(t.union.branches()[1].text).toBe(`${t.branch(1)}=ro`);
  });

  test('to ro: names that show a pseudo-linked copy are made real before', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A', b: { same: 'a' } }]]);
    t.write('a', 'new');
    modify(t, 0, 'ro');
    expect([t.names(0), t.text(0, 'b'), t.read('b')]).toEqual([['a', 'b'], 'new', 'new']);
  });

  test('to ro its whiteouts count no more, to ro+wh they do', () => {
    const t = makeUnion([['rw', { '.wh.a': '' }], ['ro', { a: '' }]]);
    expect(t.has('a')).toBe(false);
    modify(t, 0, 'ro');
    expect(t.has('a')).toBe(true);
    modify(t, 0, 'ro+wh');
    expect(t.has('a')).toBe(false);
  });

  test('to rw: it takes writes', () => {
    const t = makeUnion([['ro', { a: 'A' }]]);
    expect(failure(() => t.write('a', 'B'))).toBe('EROFS');
    modify(t, 0, 'rw');
    t.write('a', 'B');
    expect([t.text(0, 'a'), readdirSync(t.branch(0)).sort()]).toEqual(['B', ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk', 'a']]);
  });

  test('a reader that is open across ro, copy-up and back reads the copy', () => {
    const t = makeUnion([['rw'], ['rw', { a: 'A' }]]);
    const reader = t.open('a');
    modify(t, 1, 'ro');
    t.write('a', 'B');
    modify(t, 1, 'rw');
    expect([t.readFrom(reader), t.text(1, 'a')]).toEqual(['B', 'A']);
  });

  test('to ro under a file that is open for writing: the next write copies it up', () => {
    const t = makeUnion([['rw'], ['rw', { a: 'A' }]]);
    const [writer, reader] = [t.open('a', O.WRONLY), t.open('a')];
    expect(t.writeTo(writer, 'B')).toBe(1);
    modify(t, 1, 'ro');
    expect(t.names(0)).toEqual([]);
    expect(t.writeTo(writer, 'C')).toBe(1);
    expect([t.readFrom(reader), t.text(0, 'a'), t.text(1, 'a')]).toEqual(['C', 'C', 'B']);
  });

  test('to ro under a file that is open for writing, with no branch to copy it to: EROFS until it is rw again', () => {
    const t = makeUnion([['rw', { a: '' }]]);
    const handle = t.open('a', O.WRONLY);
    modify(t, 0, 'ro');
    expect(failure(() => t.writeTo(handle, 'x'))).toBe('EROFS');
    modify(t, 0, 'rw');
    expect([t.writeTo(handle, 'x'), t.text(0, 'a')]).toEqual([1, 'x']);
  });
});

test('pseudo-links are made again after a branch was ro for a time', () => {
  const t = makeUnion([['rw'], ['ro', { a: 'A', b: { same: 'a' }, c: 'C', d: { same: 'c' }, x: '' }]]);
  t.write('a', 'new');
  t.unlink('a');
  expect(t.read('b')).toBe('new');
  modify(t, 0, 'ro');
  // They take the numbers of the descriptors that were closed.
  const handles = Array.from({ length: 20 }, () => t.open('x'));
  modify(t, 0, 'rw');
  for (const handle of handles) t.release(handle);
  t.write('c', 'new');
  t.unlink('c');
  expect([t.read('b'), t.read('d'), t.has('c')]).toEqual(['new', 'new', false]);
});

describe('options of what is mounted', () => {
  const plinks = (t: TestUnion): string[] => readdirSync(`${t.branch(0)}/.wh..wh.plnk`);

  test('noplink makes pseudo-links real and removes their directory, plink makes it again', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A', b: { same: 'a' }, c: 'C', d: { same: 'c' } }]]);
    t.write('a', 'new');
    expect(plinks(t)).toHaveLength(1);
    t.union.command('set', { plink: false });
    expect([t.names(0).includes('.wh..wh.plnk'), t.read('b'), t.text(0, 'b')]).toEqual([false, 'new', 'new']);
    t.union.command('set', { plink: true });
    t.write('c', 'new');
    expect([plinks(t).length, t.read('d')]).toEqual([1, 'new']);
  });

  test('read-only: pseudo-links are made real before', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'A', b: { same: 'a' } }]]);
    t.write('a', 'new');
    t.union.command('set', { readonly: true });
    expect([plinks(t), t.text(0, 'b')]).toEqual([[], 'new']);
  });

  test('an xino file that exists is refused, and nothing changes', () => {
    const t = makeUnion([['rw', { x: '' }]]);
    expect(() => t.union.command('set', { xino: t.on(0, 'x'), udba: 'none' })).toThrow('exists already');
    expect([t.u.options.xino, t.u.options.udba]).toEqual([undefined, 'reval']);
  });

  test('rw of a union whose branch cannot be written is refused, and nothing changes', () => {
    const t = makeUnion([['rw', { '.wh..wh.orph': 'in the way' }]], { readonly: true });
    expect(() => t.union.command('set', { readonly: false })).toThrow(UnionError);
    expect([t.u.options.readonly, failure(() => t.make('b'))]).toEqual([true, 'EROFS']);
  });
});

test('changes of what is mounted: read-only and back', () => {
  const t = makeUnion([['rw', { a: '' }]]);
  t.union.command('set', { readonly: true });
  expect(failure(() => t.make('b'))).toBe('EROFS');
  t.union.command('set', { readonly: false });
  t.make('b');
  writeFileSync(t.on(0, 'c'), '');
  expect(t.ls()).toEqual(['a', 'b', 'c']);
  expect(() => t.union.command('nonsense', null)).toThrow(UnionError);
});
