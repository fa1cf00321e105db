// The merged tree of branches that are not mounted.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLook } from '../../src/inspect/look.js';
import { isCut, treeOf, type TreeEntry, type TreeOptions } from '../../src/inspect/tree.js';
import { parseMountOptions } from '../../src/options/mount.js';
import { plant, MEMORY, type Tree } from '../union/helpers.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(MEMORY, 'tsaufs-tree-'));
  for (const [branch, entries] of Object.entries(branches)) {
    const directory = path.join(root, branch.split('=')[0]);
    mkdirSync(directory);
    plant(directory, entries);
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const branches: Record<string, Tree> = {
  'a=rw': { '.wh.gone': '', 'd/own': '', 'o/.wh..wh..opq': '', 'o/new': '' },
  'b=ro': { 'd/f': 'b', link: { to: 'd/f' }, '.wh.f': '', f: '' },
  'c=ro': { 'd/f': 'c', 'd/deep/x': '', gone: '', 'o/old': '' },
};

function tree(options: TreeOptions): TreeEntry {
  const look = openLook(parseMountOptions([`br=${Object.keys(branches).map((branch) => path.join(root, branch)).join(':')}`], '/').union);
  try {
    return treeOf(look.u, options);
  } finally {
    look.close();
  }
}

/** `name:branches`, with what `all` adds. */
function lines(entry: TreeEntry, indent = ''): string[] {
  return (entry.children ?? []).flatMap((child) => [
    `${indent}${child.name}:${child.branches.join('+')}${(child.hidden ?? []).map(({ branch, by }) => ` hides ${branch} by ${by?.kind}`).join('')}` +
    `${(child.whiteouts ?? []).map(({ branch, mark }) => ` whiteout ${branch} ${mark}`).join('')}${(child.opaque ?? []).map((branch) => ` opaque ${branch}`).join('')}`,
    ...lines(child, `${indent}  `),
  ]);
}

test('what is seen, and where it comes from', () => {
  const whole = tree({ all: false });
  expect(lines(whole)).toEqual(['d:0+1+2', '  deep:2', '    x:2', '  f:1', '  own:0', 'f:1', 'link:1', 'o:0', '  new:0']);
  expect(whole.children?.find(({ name }) => name === 'link')).toMatchObject({ type: 'symlink', target: 'd/f' });
});

test('with all: what is hidden, whiteouts, opaque marks', () => {
  expect(lines(tree({ all: true }))).toEqual([
    'd:0+1+2', '  deep:2', '    x:2', '  f:1 hides 2 by entry', '  own:0', 'f:1 whiteout 1 ignored',
    'gone: hides 2 by whiteout whiteout 0 counts', 'link:1', 'o:0 hides 2 by opaque opaque 0', '  new:0', '  old: hides 2 by opaque',
  ]);
});

test('so many levels, and from a directory on', () => {
  const cut = tree({ all: false, depth: 1 });
  expect(lines(cut)).toEqual(['d:0+1+2', 'f:1', 'link:1', 'o:0']);
  expect(cut.children?.map(isCut)).toEqual([true, false, false, true]);
  expect(lines(tree({ all: false, from: '/d/deep' }))).toEqual(['x:2']);
  expect(() => tree({ all: false, from: '/gone' })).toThrow('the union shows nothing at /gone; see tsaufs explain');
});
