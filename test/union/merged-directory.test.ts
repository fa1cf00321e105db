import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DT } from '../../src/posix/directory.js';
import { Stat } from '../../src/posix/stat.js';
import { FIRST_NAME } from '../../src/union/listing.js';
import { isEmpty, list, type DirHandle } from '../../src/union/merged-directory.js';
import { makeUnion, useUnions, type TestUnion } from './helpers.js';

useUnions();

interface Seen { name: string; type: number; ino: number; next: number }

function readdir(t: TestUnion, handle: DirHandle, cookie: number, most = Number.MAX_SAFE_INTEGER): Seen[] {
  const seen: Seen[] = [];
  t.union.readdir(handle, cookie, (name, type, ino, next) => {
    if (seen.length >= most) return false;
    seen.push({ name, type, ino, next });
    return true;
  });
  return seen;
}

describe('the names', () => {
  test('each once, from all branches, less what is hidden', () => {
    const t = makeUnion([
      ['rw', { 'a': '', '.wh.b': '', '.wh.none': '' }],
      ['ro+wh', { 'a': '', 'b': '', 'c': '', '.wh.d': '', 'd': '' }],
      ['ro', { b: '', c: '', d: '', e: '' }],
    ]);
    expect(t.ls()).toEqual(['a', 'c', 'e']);
  });

  test('a whiteout does not hide what lies above it', () => {
    expect(makeUnion([['rw', { a: '' }], ['ro+wh', { '.wh.a': '' }], ['ro', { a: '' }]]).ls()).toEqual(['a']);
  });

  test('whiteouts are shown with shwh', () => {
    const t = makeUnion([['ro+wh', { '.wh.a': '', 'b': '', '.wh..wh..opq': '' }], ['ro', { a: '' }]], { shwh: true });
    expect(t.ls()).toEqual(['.wh.a', 'b']);
  });

  test('types and numbers', () => {
    const t = makeUnion([['rw', { d: null, f: '' }], ['ro', { l: { to: 'x' }, p: { fifo: true }, d: null }]]);
    const seen = readdir(t, t.opendir(''), 0);
    const types = Object.fromEntries(seen.map(({ name, type }) => [name, type]));
    expect(types).toEqual({ '.': DT.DIR, '..': DT.DIR, 'd': DT.DIR, 'f': DT.REG, 'l': DT.LNK, 'p': DT.FIFO });
    for (const { name, ino } of seen) if (!name.startsWith('.')) expect(ino).toBe(t.ino(name));
    const inside = readdir(t, t.opendir('d'), 0);
    expect(inside.map(({ ino }) => ino)).toEqual([t.ino('d'), t.root.ino]);
  });

  test('many', () => {
    const upper: Record<string, string> = {};
    const lower: Record<string, string> = {};
    for (let i = 0; i < 2000; i++) (i % 2 === 0 ? upper : lower)[`file-${String(i)}`] = '';
    for (let i = 0; i < 2000; i += 20) upper[`.wh.file-${String(i + 1)}`] = '';
    const names = makeUnion([['rw', upper], ['ro', lower]]).ls();
    expect([names.length, new Set(names).size]).toEqual([1900, 1900]);
  });
});

describe('offsets', () => {
  const tree = { a: '', b: '', c: '', d: '', e: '' };

  test('every place can be gone back to', () => {
    const t = makeUnion([['rw'], ['ro', tree]]);
    const handle = t.opendir('');
    const all = readdir(t, handle, 0);
    expect(all.length).toBe(7);
    for (const [i, { next }] of all.entries()) expect(readdir(t, handle, next)).toEqual(all.slice(i + 1));
  });

  test('an entry that does not fit comes again', () => {
    const t = makeUnion([['rw'], ['ro', tree]]);
    const handle = t.opendir('');
    const seen: string[] = [];
    for (let cookie = 0; ;) {
      const some = readdir(t, handle, cookie, 2);
      const last = some.at(-1);
      if (last === undefined) break;
      seen.push(...some.map(({ name }) => name));
      cookie = last.next;
    }
    expect(seen.sort()).toEqual(['.', '..', 'a', 'b', 'c', 'd', 'e']);
  });

  test('hold while names come and go; the beginning shows them', () => {
    const t = makeUnion([['rw'], ['ro', tree]]);
    const handle = t.opendir('');
    const all = readdir(t, handle, 0);
    t.unlink(all[3].name);
    t.make('new');
    expect(readdir(t, handle, all[4].next)).toEqual(all.slice(5));
    const again = readdir(t, handle, 0).map(({ name }) => name);
    expect(again).toContain('new');
    expect(again).not.toContain(all[3].name);
  });

  test('removing while reading misses nothing', () => {
    const tree: Record<string, string> = {};
    for (let i = 0; i < 300; i++) tree[`f${String(i)}`] = '';
    const t = makeUnion([['rw'], ['ro', tree]]);
    const handle = t.opendir('');
    for (let cookie = 0; ;) {
      const some = readdir(t, handle, cookie, 20);
      const last = some.at(-1);
      if (last === undefined) break;
      for (const { name } of some) if (name.startsWith('f')) t.unlink(name);
      cookie = last.next;
    }
    expect(t.ls()).toEqual([]);
  });
});

describe('readdirplus', () => {
  function plus(t: TestUnion, handle: DirHandle, cookie: number, most = Number.MAX_SAFE_INTEGER): (string | number)[][] {
    const seen: (string | number)[][] = [];
    const out = new Stat();
    t.union.readdirplus(handle, cookie, out, (name, _type, ino, next, node) => {
      if (seen.length >= most) return false;
      if (node !== null) t.hand(node);
      seen.push(node === null ? [name, next] : [name, next, node.id, out.size, out.mode & 0o777, ino]);
      return true;
    });
    return seen;
  }

  test('gives nodes with their attributes, and none of the dots', () => {
    const t = makeUnion([['rw', { a: { text: 'A', mode: 0o600 } }], ['ro', { b: { text: 'BB', mode: 0o640 }, d: { dir: true, mode: 0o711 } }]]);
    const seen = plus(t, t.opendir(''), 0);
    expect(seen.slice(0, 2)).toEqual([['.', 1], ['..', 2]]);
    const rest = Object.fromEntries(seen.slice(2).map(([name, , ...more]) => [name, more]));
    const [a, b, d] = ['a', 'b', 'd'].map((name) => t.walk(name));
    expect(rest['a']).toEqual([a.id, 1, 0o600, a.ino]);
    expect(rest['b']).toEqual([b.id, 2, 0o640, b.ino]);
    expect(rest['d']).toEqual([d.id, t.stat('d').size, 0o711, d.ino]);
    expect(a.lookups).toBe(2);
  });

  test('an entry that is not taken leaves no node', () => {
    const t = makeUnion([['rw', { a: '', b: '' }]]);
    const handle = t.opendir('');
    plus(t, handle, 0, 3);
    expect(t.union.nodes.size).toBe(2);
    expect(plus(t, handle, 3).length).toBe(1);
    expect(t.union.nodes.size).toBe(3);
  });

  test('merged directories are merged, pseudo-links show the copy', () => {
    const t = makeUnion([['rw', { 'd/x': '' }], ['ro', { 'd/y': '', 'f': 'low', 'g': { same: 'f' } }]]);
    t.write('f', 'newer');
    const seen = Object.fromEntries(plus(t, t.opendir(''), 0).map(([name, ...more]) => [name, more]));
    expect([seen['g'][1], seen['g'][2]]).toEqual([t.walk('f').id, 5]);
    expect(t.walk('d').layers.length).toBe(2);
  });

  test('what was removed since the listing was made is not given out', () => {
    const t = makeUnion([['rw', { a: '' }], ['ro', { b: '' }]]);
    const handle = t.opendir('');
    readdir(t, handle, 0, 1);
    const [a, b] = [t.walk('a'), t.walk('b')];
    t.unlink('a');
    t.unlink('b');
    expect(plus(t, handle, 1).filter((entry) => entry.length > 2)).toEqual([]);
    expect([a.removed, b.removed]).toEqual([true, true]);
  });

  test('what was copied up since the listing was made is the copy', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]]);
    const handle = t.opendir('');
    readdir(t, handle, 0, 1);
    const node = t.walk('a');
    t.write('a', 'longer');
    const [entry] = plus(t, handle, 1).filter((seen) => seen.length > 2);
    expect(entry.slice(2, 4)).toEqual([node.id, 6]);
    expect(t.ino('a')).toBe(node.ino);
  });
});

test('isEmpty', () => {
  const t = makeUnion([
    ['rw', { 'a/.wh.x': '', 'b/.wh..wh..opq': '', 'c': null, 'e/x': '' }], ['ro', { 'a/x': '', 'b/x': '', 'c/x': '', 'd': null, 'e/x': '' }],
  ]);
  const empty = (path: string, from = 0): boolean => isEmpty(t.u, t.walk(path), from);
  expect([empty('a'), empty('b'), empty('c'), empty('d'), empty('e')]).toEqual([true, true, false, true, false]);
  expect([empty('a', 1), empty('c', 1), empty('e', 1)]).toEqual([true, false, false]);
});

test('list of a removed directory is empty; so is one whose base entries are all it has', () => {
  const t = makeUnion([['rw', { d: null }]]);
  const d = t.walk('d');
  t.rmdir('d');
  expect([list(t.u, d).count, list(t.u, t.root).count]).toEqual([FIRST_NAME, FIRST_NAME]);
});

/** What `readdirInto` writes, piece by piece, as struct fuse_dirent. */
function packed(t: TestUnion, handle: DirHandle, room: number): Seen[] {
  const seen: Seen[] = [];
  const memory = Buffer.alloc(room + 8, 0xff);
  for (let cookie = 0; ;) {
    const length = t.union.readdirInto(handle, cookie, memory, room);
    expect(length).toBeLessThanOrEqual(room);
    if (length === 0) return seen;
    for (let at = 0; at < length;) {
      const size = memory.readUInt32LE(at + 16);
      const end = at + 24 + size;
      seen.push({
        name: memory.latin1Slice(at + 24, end), type: memory.readUInt32LE(at + 20),
        ino: Number(memory.readBigUInt64LE(at)), next: Number(memory.readBigUInt64LE(at + 8)),
      });
      at = (end + 7) & ~7;
      expect(memory.subarray(end, at).every((byte) => byte === 0)).toBe(true);
    }
    cookie = seen.at(-1)!.next;
  }
}

test('what is written into memory is what is listed, whatever the room; removed names leave nothing of theirs', () => {
  const names = Array.from({ length: 240 }, (_, i) => 'n'.repeat(i) + String(i));
  const files = Object.fromEntries(names.map((name) => [`d/${name}`, '']));
  const own = { 'd/beside': '', 'd/.wh.beside': '', 'd/xyz': '', 'd/.wh.7': '', 'd/last': '' };
  const t = makeUnion([['rw', own], ['ro', { ...files, 'd/last': '', 'd/e/f': '' }]]);
  const handle = t.opendir('d');
  const all = readdir(t, handle, 0);
  expect(all.map(({ name }) => name).sort()).toEqual(['.', '..', 'e', 'last', 'xyz', ...names.slice(0, 7), 'n'.repeat(7) + '7', ...names.slice(8)].sort());
  for (const room of [288, 289, 1000, 4096, 1 << 20]) expect(packed(t, handle, room)).toEqual(all);
  expect(t.union.readdirInto(handle, 0, Buffer.alloc(16), 16)).toBe(0);
  expect(t.union.readdirInto(handle, 2 ** 60, Buffer.alloc(4096), 4096)).toBe(0);
  t.releasedir(handle);
});

test('a handle counts as open on every layer until it is released', () => {
  const t = makeUnion([['rw', { d: null }], ['ro', { d: null }], ['ro']]);
  const handle = t.opendir('d');
  expect(t.u.branches.map((branch) => branch.opens)).toEqual([1, 1, 0]);
  expect(t.union.dirHandle(handle.id)).toBe(handle);
  t.releasedir(handle);
  expect(t.u.branches.map((branch) => branch.opens)).toEqual([0, 0, 0]);
  expect(t.union.dirHandle(handle.id)).toBeUndefined();
});

test('fsyncdir', () => {
  const t = makeUnion([['rw', { d: null }], ['ro', { d: null }]]);
  const handle = t.opendir('d');
  t.union.fsyncdir(handle, false);
  t.rmdir('d');
  t.union.fsyncdir(handle, true);
  writeFileSync(t.on(0, 'x'), '');
  expect(t.ls()).toEqual(['x']);
});
