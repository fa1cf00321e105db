// explain on branches that are not mounted. That it agrees with a mount is the matter of oracle.test.ts.
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { explain, type Explanation } from '../../src/inspect/explain.js';
import { openLook } from '../../src/inspect/look.js';
import { parseMountOptions } from '../../src/options/mount.js';
import { O, close, openat } from '../../src/posix/file.js';
import { E } from '../../src/posix/errno.js';
import { plant, MEMORY, isRoot, type Tree } from '../union/helpers.js';

let root: string;
beforeEach(() => void (root = mkdtempSync(path.join(MEMORY, 'tsaufs-explain-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** `branches`: name=permission and its tree, from the top down. */
function told(branches: Record<string, Tree>, name: string, options = ''): Explanation {
  for (const [branch, tree] of Object.entries(branches)) {
    mkdirSync(path.join(root, branch.split('=')[0]), { recursive: true });
    plant(path.join(root, branch.split('=')[0]), tree);
  }
  return look(Object.keys(branches), name, options);
}

function look(branches: readonly string[], name: string, options = ''): Explanation {
  const list = branches.map((branch) => path.join(root, branch)).join(':');
  const opened = openLook(parseMountOptions([`br=${list}`, options].filter((text) => text !== ''), '/').union);
  try {
    return explain(opened.u, name);
  } finally {
    opened.close();
  }
}

const states = ({ layers }: Explanation): string[] => layers.map(({ state, hiddenBy }) => hiddenBy === null ? state : `${state} by ${hiddenBy.kind} ${hiddenBy.path} on ${hiddenBy.branch}`);
const plan = (explanation: Explanation, name: string): string => {
  const { error, steps } = explanation.actions.find(({ action }) => action === name)!;
  return [...steps.map(({ kind, branch, path: at }) => `${kind} ${at} on ${branch}`), ...error === null ? [] : [error]].join(', ');
};

describe('which branch is seen, and why not the others', () => {
  test('the uppermost file hides those below', () => {
    const it = told({ 'a=rw': {}, 'b=ro': { f: 'b' }, 'c=ro': { f: 'cc' } }, 'f');
    expect(it).toMatchObject({ path: '/f', type: 'file', branch: 1, error: null });
    expect(states(it)).toEqual(['absent', 'seen', 'hidden by entry /f on 1']);
    expect(it.layers[2].entry).toMatchObject({ type: 'file', size: 2, mode: '0644' });
  });

  test('directories are merged down to an opaque one; a file between them is passed over', () => {
    const it = told({ 'a=rw': { d: null }, 'b=ro': { d: 'file' }, 'c=ro+wh': { 'd/.wh..wh..opq': '' }, 'e=ro': { d: null } }, 'd');
    expect(states(it)).toEqual(['seen', 'hidden by entry /d on 0', 'merged', 'hidden by opaque /d on 2']);
    expect(it.layers[2].opaque).toBe('counts');
  });

  test('a whiteout counts on rw and ro+wh, not on ro', () => {
    const marks = { '.wh.f': '' };
    expect(states(told({ 'a=rw': {}, 'b=ro+wh': marks, 'c=ro': { f: '' } }, 'f'))).toEqual(['absent', 'absent', 'hidden by whiteout /f on 1']);
    const ignored = look(['a=rw', 'b=ro', 'c=ro'], 'f');
    expect(states(ignored)).toEqual(['absent', 'absent', 'seen']);
    expect(ignored.layers[1].whiteout).toBe('ignored');
  });

  test('what is hidden with the directory above it', () => {
    const lower = { 'd/e/f': 'x' };
    expect(states(told({ 'a=rw': { '.wh.d': '' }, 'b=ro': lower }, 'd/e/f'))).toEqual(['absent', 'hidden by whiteout /d on 0']);
    rmSync(path.join(root, 'a'), { recursive: true });
    expect(states(told({ 'a=rw': { 'd/e/.wh..wh..opq': '' }, 'b=ro': {} }, 'd/e/f'))).toEqual(['absent', 'hidden by opaque /d/e on 0']);
    rmSync(path.join(root, 'a'), { recursive: true });
    const it = told({ 'a=rw': { d: 'a file' }, 'b=ro': {} }, 'd/e/f');
    expect(states(it)).toEqual(['absent', 'hidden by entry /d on 0']);
    expect(it).toMatchObject({ error: 'ENOTDIR', failsAt: '/d', actions: [] });
  });

  test('a name beside its own whiteout', () => {
    expect(states(told({ 'a=rw': { f: 'x', '.wh.f': '' }, 'b=ro': {} }, 'f'))).toEqual(['hidden by whiteout /f on 0', 'absent']);
  });

  test('names that are AUFS\'s own, too long, and of bytes that are no UTF-8', () => {
    const it = told({ 'a=rw': { '.wh.f': '', 'caf\xe9': 'x' } }, '.wh.f');
    expect(it).toMatchObject({ error: 'EPERM', actions: [] });
    expect(states(it)).toEqual(['hidden by reserved /.wh.f on 0']);
    expect(look(['a=rw'], 'x'.repeat(300)).error).toBe('ENAMETOOLONG');
    expect(look(['a=rw'], 'caf\xe9').branch).toBe(0);
  });

  test('a renamed directory is found by its record (dirren)', () => {
    const it = told({ 'a=rw': { d: null }, 'b=ro': { d: null } }, 'd', 'dirren');
    expect(plan(it, 'rename')).toBe('record /d on 0, whiteout /d on 0, rename /NEW-NAME on 0');
  });
});

describe('what a change would do', () => {
  test('copy-up with the directories above', () => {
    const it = told({ 'a=rw': {}, 'b=ro': { 'd/e/f': 'four' } }, 'd/e/f');
    expect(plan(it, 'write')).toBe('copy-directory /d on 0, copy-directory /d/e on 0, copy-up /d/e/f on 0, write /d/e/f on 0');
    expect(it.actions[0].steps[2]).toMatchObject({ from: 1, bytes: 4 });
    expect(plan(it, 'delete')).toBe('copy-directory /d on 0, copy-directory /d/e on 0, whiteout /d/e/f on 0');
    expect(plan(it, 'rename')).toBe('copy-directory /d on 0, copy-directory /d/e on 0, copy-up /d/e/f on 0, whiteout /d/e/f on 0, rename /d/e/NEW-NAME on 0');
  });

  test('a file of the writable branch alone leaves no whiteout', () => {
    const it = told({ 'a=rw': { f: '' }, 'b=ro': {} }, 'f');
    expect(plan(it, 'delete')).toBe('remove /f on 0');
    expect(plan(it, 'rename')).toBe('rename /NEW-NAME on 0');
  });

  test('the policy decides: cpup, create', () => {
    const branches = { 'a=rw': { d: null }, 'b=rw': {}, 'c=ro': { 'd/f': 'x' } };
    expect(plan(told(branches, 'd/f', 'cpup=tdp'), 'write')).toBe('copy-up /d/f on 0, write /d/f on 0');
    expect(plan(told(branches, 'd/f', 'cpup=bu'), 'write')).toBe('copy-directory /d on 1, copy-up /d/f on 1, write /d/f on 1');
    expect(told(branches, 'new', 'create=rr').actions[0]).toMatchObject({ steps: [], note: expect.stringContaining('take turns') as string });
  });

  test('EROFS, EISDIR, ENOTEMPTY, EXDEV, EBUSY', () => {
    const it = told({ 'a=ro': { f: '' }, 'b=ro': {} }, 'f');
    for (const action of ['write', 'attributes', 'delete', 'rename']) expect(plan(it, action)).toBe('EROFS');
    expect(plan(look(['a=rw', 'b=ro'], 'f', 'ro'), 'write')).toBe('EROFS');
    const directory = told({ 'u=rw': {}, 'l=ro': { 'd/x': '' } }, 'd');
    expect([plan(directory, 'write'), plan(directory, 'delete'), plan(directory, 'rename')]).toEqual(['EISDIR', 'ENOTEMPTY', 'EXDEV']);
    expect(plan(look(['u=rw', 'l=ro'], '/'), 'delete')).toBe('EBUSY');
  });

  test('over a whiteout a directory is made opaque', () => {
    expect(plan(told({ 'a=rw': { '.wh.d': '' }, 'b=ro': { d: null } }, 'd'), 'mkdir'))
      .toBe('mkdir /d on 0, opaque /d on 0, remove-whiteout /d on 0');
  });

  test('copy-up on open and moving up', () => {
    const branches = { 'a=rw': {}, 'b=rw+moo': { f: 'x' } };
    expect(plan(told(branches, 'f'), 'read')).toBe('copy-up /f on 0, remove /f on 1');
    expect(look(['a=rw', 'b=rw'], 'f').actions.map(({ action }) => action)).not.toContain('read');
  });
});

test('nothing on the branches changes: no entry, no time', () => {
  told({ 'a=rw': { 'd/f': 'x' }, 'b=ro': { 'd/g': 'y' } }, 'd');
  // With relatime too, the next reader's time would be written down.
  const places = ['a', 'a/d', 'b', 'b/d'].map((name) => path.join(root, name));
  for (const place of places) utimesSync(place, 1, 2);
  const before = places.map((place) => JSON.stringify(statSync(place)));
  for (const name of ['/', 'd', 'd/f', 'd/g', 'no', 'd/no']) look(['a=rw', 'b=ro'], name);
  if (isRoot) expect(places.map((place) => JSON.stringify(statSync(place)))).toEqual(before);
  expect(readdirSync(path.join(root, 'a'))).toEqual(['d']);
});

test.skipIf(!isRoot)(`root's branches are open so that the kernel refuses changes${isRoot ? '' : ' (skipped: not root)'}`, () => {
  mkdirSync(path.join(root, 'a'));
  const opened = openLook(parseMountOptions([`br=${path.join(root, 'a')}=rw`], '/').union);
  try {
    const fd = openat(opened.u.branches[0].root, 'made', O.CREAT | O.WRONLY, 0o600);
    if (fd >= 0) close(fd);
    expect(fd).toBe(-E.EROFS);
  } finally {
    opened.close();
  }
  writeFileSync(path.join(root, 'a', 'others'), 'may go on');
  chmodSync(path.join(root, 'a'), 0o700);
  expect(lstatSync(path.join(root, 'a', 'others')).size).toBe(9);
});

test('a branch that is not there: one clear line', () => {
  expect(() => look(['nowhere=ro'], 'f')).toThrow(`branch ${path.join(root, 'nowhere')} does not exist; make the directory first`);
});
