// One directory with all its names, of branches that are not mounted.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DirectoryLook, lookAtDirectory } from '../../src/inspect/directory.js';
import { openLook, type Look } from '../../src/inspect/look.js';
import { treeOf } from '../../src/inspect/tree.js';
import { parseMountOptions } from '../../src/options/mount.js';
import { MEMORY, plant, type Tree } from '../union/helpers.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(MEMORY, 'tsaufs-directory-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function withLook<Result>(branches: Record<string, Tree>, use: (look: Look) => Result): Result {
  for (const [branch, entries] of Object.entries(branches)) {
    mkdirSync(path.join(root, branch.split('=')[0]), { recursive: true });
    plant(path.join(root, branch.split('=')[0]), entries);
  }
  const look = openLook(parseMountOptions([`br=${Object.keys(branches).map((branch) => path.join(root, branch)).join(':')}`], '/').union);
  try {
    return use(look);
  } finally {
    look.close();
  }
}

/** `name type@branch: states of the branches, marks`. */
function lines(look: DirectoryLook | null): string[] {
  return (look?.entries ?? []).map(({ name, entry, branch, layers }) => {
    const there = layers.map(({ state, whiteout, opaque, hiddenBy }) => [
      state, ...whiteout === null ? [] : [`whiteout ${whiteout}`], ...opaque === null ? [] : [`opaque ${opaque}`],
      ...hiddenBy === null ? [] : [`by ${hiddenBy.kind} of ${hiddenBy.branch}`],
    ].join(' '));
    return `${name} ${entry?.type ?? '-'}@${branch ?? '-'}: ${there.join(', ')}`;
  });
}

const branches: Record<string, Tree> = {
  'a=rw': { '.wh.gone': '', 'd/own': '', 'o/.wh..wh..opq': '', 'o/new': '', '.wh.x': '', x: '' },
  'b=ro': { 'd/f': 'bb', link: { to: 'd/f' }, '.wh.f': '', f: '', x: '', 'w/w': '', '.wh.nothing': '' },
  'c=ro': { 'd/f': 'c', gone: '', 'o/old': '', d2: '', 'w/w': '' },
};

test('what is seen, merged and hidden, and by what', () => withLook(branches, ({ u }) => {
  expect(lines(lookAtDirectory(u, '/'))).toEqual([
    'd directory@0: seen, merged, merged',
    'd2 file@2: absent, absent, seen',
    'f file@1: absent, seen whiteout ignored, absent',
    'gone -@-: absent whiteout counts, absent, hidden by whiteout of 0',
    'link symlink@1: absent, seen, absent',
    'nothing -@-: absent, absent whiteout ignored, absent',
    'o directory@0: seen opaque counts, absent, hidden by opaque of 0',
    'w directory@1: absent, seen, merged',
    'x -@-: hidden whiteout counts by whiteout of 0, hidden by whiteout of 0, absent',
  ]);
  expect(lines(lookAtDirectory(u, '/o'))).toEqual(['new file@0: seen, absent, absent', 'old -@-: absent, absent, hidden by opaque of 0']);
  expect(lookAtDirectory(u, '/o')?.layers.map(({ state, opaque }) => [state, opaque])).toEqual([['seen', 'counts'], ['absent', null], ['hidden', null]]);
  expect(lookAtDirectory(u, 'd//.')?.path).toBe('/d');
}));

test('nothing where the union shows no directory', () => withLook(branches, ({ u }) => {
  for (const place of ['/gone', '/f', '/link', '/nowhere/d', '/d/f/x', '/.wh.gone', '/..']) expect([place, lookAtDirectory(u, place)]).toEqual([place, null]);
}));

test('10,000 names: as the tree has them, and nothing is kept', () => withLook({ 'a=rw': {}, 'b=ro': {} }, ({ u }) => {
  const names = Array.from({ length: 10_000 }, (_, index) => `n${String(index).padStart(5, '0')}`);
  for (const name of names) writeFileSync(path.join(root, 'b', name), '');
  for (const name of names.filter((_, index) => index % 7 === 0)) writeFileSync(path.join(root, 'a', name), '');
  for (const name of names.filter((_, index) => index % 11 === 0)) writeFileSync(path.join(root, 'a', `.wh.${name}`), '');
  const before = u.nodes.size;
  const look = lookAtDirectory(u, '/');
  expect(u.nodes.size).toBe(before);
  expect(look?.entries.map(({ name }) => name)).toEqual(names);
  const tree = treeOf(u, { all: true, depth: 1 }).children!;
  expect(look?.entries.map(({ entry, branch, layers }) => [entry?.type ?? null, branch, layers.filter(({ state }) => state === 'hidden').length]))
    .toEqual(tree.map(({ type, branches: seen, hidden = [] }) => [type, seen.at(0) ?? null, hidden.length]));
}));
