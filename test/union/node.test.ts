import { describe, expect, test } from 'vitest';
import { S } from '../../src/posix/stat.js';
import type { Branch } from '../../src/union/branch.js';
import { Node, NodeTable } from '../../src/union/node.js';
import { makeUnion, useUnions } from './helpers.js';

useUnions();

const layers = [{ index: 0 }, { index: 1 }] as unknown as Branch[];

function directory(table: NodeTable, ino: number, parent: Node | null, name: string): Node {
  const node = table.add(new Node(ino, S.IFDIR, parent, name, layers));
  node.lookups = 1;
  return node;
}

function file(table: NodeTable, ino: number, parent: Node, name: string): Node {
  const node = table.add(new Node(ino, S.IFREG, parent, name, layers));
  node.lookups = 1;
  return node;
}

describe('Node', () => {
  test('names are counted where they are', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const d = directory(table, 2, root, 'd');
    const a = file(table, 3, root, 'a');
    expect([root.children, d.children]).toEqual([2, 0]);
    a.addName(d, 'b');
    a.addName(d, 'b');
    a.addName(root, 'a');
    expect([root.children, d.children]).toEqual([2, 1]);
    expect([a.hasName(root, 'a'), a.hasName(d, 'b'), a.hasName(d, 'a')]).toEqual([true, true, false]);
    expect(a.removeName(root, 'a')).toBe(true);
    expect([a.parent, a.name, a.links]).toEqual([d, 'b', null]);
    expect([root.children, d.children]).toEqual([1, 1]);
    // The last name stays as the place, that the node is removed is for others to say.
    expect(a.removeName(d, 'b')).toBe(false);
    expect(d.children).toBe(1);
  });

  test('a name it does not have takes nothing away', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const a = file(table, 2, root, 'a');
    expect(a.removeName(root, 'x')).toBe(true);
    a.removed = true;
    expect(a.removeName(root, 'x')).toBe(false);
    expect([a.name, root.children]).toEqual(['a', 1]);
  });

  test('setPlace moves, or keeps the former place as a link', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const d = directory(table, 2, root, 'd');
    const a = file(table, 3, root, 'a');
    a.setPlace(root, 'a', true);
    expect([root.children, a.links]).toEqual([2, null]);
    a.setPlace(d, 'b', false);
    expect([root.children, d.children, a.links]).toEqual([1, 1, null]);
    a.setPlace(root, 'c', true);
    expect([root.children, d.children]).toEqual([2, 1]);
    expect(a.links).toEqual([{ parent: d, name: 'b' }]);
    // Back to a place that is a link: it is no link any more.
    a.setPlace(d, 'b', true);
    expect(a.links).toEqual([{ parent: root, name: 'c' }]);
    expect([root.children, d.children]).toEqual([2, 1]);
  });

  test('path', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const d = directory(table, 2, root, '\xc3\xa4');
    expect([root.path(), d.path(), file(table, 3, d, 'x').path()]).toEqual(['/', '/ä', '/ä/x']);
  });

  test('layerOf', () => {
    const node = new Node(1, S.IFDIR, null, '', layers);
    expect([node.top, node.layerOf(layers[1]), node.layerOf({ index: 2 } as unknown as Branch)]).toEqual([layers[0], 1, -1]);
  });
});

describe('NodeTable', () => {
  test('the root is 1 and stays', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    expect(root.id).toBe(1);
    table.forget(root, 1);
    expect(table.get(1)).toBe(root);
  });

  test('a node goes when the kernel has given all its references back', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const a = file(table, 2, root, 'a');
    a.lookups = 3;
    table.forget(a, 2);
    expect(table.get(2)).toBe(a);
    table.forget(a, 1);
    expect([table.get(2), table.find(2), table.size, root.children]).toEqual([undefined, undefined, 1, 0]);
  });

  test('more forgotten than handed out is no more than all', () => {
    const table = new NodeTable();
    const a = file(table, 2, directory(table, 1, null, ''), 'a');
    table.forget(a, 100);
    expect([table.size, a.lookups]).toEqual([1, 0]);
  });

  test('a number given out again has another generation', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const first = file(table, 2, root, 'a');
    table.forget(first, 1);
    const second = file(table, 3, root, 'b');
    expect([second.id, first.generation, second.generation]).toEqual([2, 0, 1]);
    table.forget(second, 1);
    expect(file(table, 4, root, 'c').generation).toBe(2);
  });

  test('numbers are used again, and never one of a node that is there, when the table has been made smaller', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const files = Array.from({ length: 10_000 }, (_, i) => file(table, 2 + i, root, String(i)));
    const kept = files.filter((_, i) => i % 100 === 7);
    for (const node of files) if (!kept.includes(node)) table.forget(node, 1);
    expect([table.size, root.children]).toEqual([101, 100]);
    const known = new Set([root, ...kept].map((node) => `${node.id} ${node.generation}`));
    const more = Array.from({ length: 12_000 }, (_, i) => file(table, 20_000 + i, root, `new ${i}`));
    // The lowest that are free first: the numbers do not grow as long as some are left.
    expect(Math.max(...more.map((node) => node.id))).toBe(12_101);
    for (const node of [...files, ...more]) known.add(`${node.id} ${node.generation}`);
    expect(new Set([...kept, ...more].map((node) => node.id)).size).toBe(12_100);
    for (const node of kept) expect(table.get(node.id)).toBe(node);
    for (const node of [...kept, ...more]) table.forget(node, 1);
    expect([table.size, root.children, directory(table, 5, root, 'd').id]).toEqual([1, 0, 2]);
  });

  test('that half of many nodes are gone is told, and not that a few are', () => {
    const table = new NodeTable();
    let told = 0;
    table.onShrink = () => told++;
    const root = directory(table, 1, null, '');
    for (const count of [10_000, 40_000]) {
      const files = Array.from({ length: count }, (_, i) => file(table, 2 + i, root, String(i)));
      for (const node of files) table.forget(node, 1);
    }
    // At 20,000 left, and at 10,000.
    expect([told, table.size]).toEqual([2, 1]);
  });

  test('a parent stays while it has children, then goes with the last of them', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const d = directory(table, 2, root, 'd');
    const e = directory(table, 3, d, 'e');
    const a = file(table, 4, e, 'a');
    table.forget(d, 1);
    table.forget(e, 1);
    expect(table.size).toBe(4);
    table.forget(a, 1);
    expect([table.size, root.children]).toEqual([1, 0]);
  });

  test('directories kept by links of a file only', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const d = directory(table, 2, root, 'd');
    const e = directory(table, 3, root, 'e');
    const a = file(table, 4, d, 'a');
    a.addName(e, 'b');
    a.addName(e, 'c');
    a.addName(d, 'd');
    table.forget(d, 1);
    table.forget(e, 1);
    expect(table.size).toBe(4);
    table.forget(a, 1);
    expect([table.size, root.children, d.children, e.children]).toEqual([1, 0, 0, 0]);
  });

  test('an open handle keeps a node', () => {
    const table = new NodeTable();
    const a = file(table, 2, directory(table, 1, null, ''), 'a');
    a.handles = 1;
    table.forget(a, 1);
    expect(table.size).toBe(2);
    a.handles = 0;
    table.drop(a);
    expect(table.size).toBe(1);
  });

  test('disown frees the inode number only for its own node', () => {
    const table = new NodeTable();
    const root = directory(table, 1, null, '');
    const a = file(table, 2, root, 'a');
    table.disown(a);
    const b = file(table, 2, root, 'b');
    table.disown(a);
    expect(table.find(2)).toBe(b);
    table.forget(a, 1);
    expect(table.find(2)).toBe(b);
  });
});

describe('in a union', () => {
  test('after everything is forgotten only the root is left', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/e/f/a': 'A', 'd/b': { same: 'd/e/f/a' }, l: { to: 'd' } }]]);
    for (const path of ['d/e/f/a', 'd/b', 'l', 'd/e']) t.walk(path);
    expect(t.union.nodes.size).toBe(6);
    t.forgetAll();
    expect([t.union.nodes.size, t.root.children]).toEqual([1, 0]);
    expect(t.read('d/e/f/a')).toBe('A');
  });

  test('a directory keeps its number while anything inside is known', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': '' }]]);
    const d = t.walk('d');
    t.walk('d/a');
    t.forget(d);
    expect(t.walk('d')).toBe(d);
  });

  test('descriptors of directories are not kept without number', () => {
    const tree: Record<string, string> = {};
    for (let i = 0; i < 1500; i++) tree[`${String(i)}/a`] = '';
    const t = makeUnion([['rw', tree]]);
    for (let i = 0; i < 1500; i++) t.walk(`${String(i)}/a`);
    let open = 0;
    for (const node of t.union.nodes.all()) open += node.fds?.filter((fd) => fd >= 0).length ?? 0;
    expect(open).toBeLessThanOrEqual(1025);
    expect(open).toBeGreaterThan(500);
    expect(t.read('7/a')).toBe('');
  });
});
