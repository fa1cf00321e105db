import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { close } from '../../src/posix/file.js';
import { BranchOpener, UnionError, overlapError, permissionText } from '../../src/union/branch.js';
import { DISK, branchSpec, scratch, useUnions } from './helpers.js';

useUnions();

describe('permissionText', () => {
  test.each(['rw', 'ro', 'rr', 'ro+wh', 'rw+nolwh', 'rw+coo_reg', 'rw+coo_all', 'rw+moo', 'rw+icex'])('%s', (text) => {
    expect(permissionText(branchSpec('/b', text))).toBe(text);
  });

  test('all attributes, in one order', () => {
    const spec = branchSpec('/b', 'ro');
    const all = { ...spec, wh: true, nolwh: true, unpin: true, fhsm: true, coo: 'all' as const, icex: ['sec', 'tr'] as const };
    expect(permissionText(all)).toBe('ro+wh+nolwh+unpin+coo_all+fhsm+icexsec+icextr');
    expect(permissionText({ ...all, moo: true })).toContain('+moo+fhsm');
  });
});

describe('overlapError', () => {
  test('the same, an ancestor, a descendant', () => {
    expect(overlapError(['/a', '/b'], '/b')).toBe('branch /b is given twice');
    expect(overlapError(['/a/b'], '/a/b/c')).toBe('branch /a/b/c lies inside branch /a/b');
    expect(overlapError(['/a/b'], '/a')).toBe('branch /a/b lies inside branch /a');
    expect(overlapError(['/'], '/a')).toBe('branch /a lies inside branch /');
    expect(overlapError(['/a'], '/')).toBe('branch /a lies inside branch /');
  });

  test('a common beginning is no overlap', () => {
    expect(overlapError(['/a', '/b/c'], '/ab')).toBeNull();
    expect(overlapError(['/ab'], '/a')).toBeNull();
    expect(overlapError([], '/')).toBeNull();
  });
});

describe('BranchOpener', () => {
  test('ids count from 64; branches of one file system share its inode numbers', () => {
    const opener = new BranchOpener();
    const [one, two, three] = [scratch(), scratch(DISK), scratch()].map((path, i) =>
      opener.open(branchSpec(path), i, false)) as [ReturnType<BranchOpener['open']>, ReturnType<BranchOpener['open']>, ReturnType<BranchOpener['open']>];
    expect([one.id, two.id, three.id]).toEqual([64, 65, 66]);
    expect([one.home.index, two.home.index, three.home.index]).toEqual([0, 1, 0]);
    expect(one.home).toBe(three.home);
    expect(one.home.inodes).not.toBe(two.home.inodes);
    for (const branch of [one, two, three]) close(branch.root);
  });

  test('what permissions mean', () => {
    const opener = new BranchOpener();
    const path = scratch();
    for (const [text, unionReadonly, writable, whiteouts] of [
      ['rw', false, true, true], ['rw', true, false, true], ['ro', false, false, false], ['ro+wh', false, false, true],
      ['rr', false, false, false],
    ] as const) {
      const branch = opener.open(branchSpec(path, text), 0, unionReadonly);
      expect([text, branch.writable, branch.whiteouts]).toEqual([text, writable, whiteouts]);
      expect(branch.text()).toBe(`${path}=${text}`);
      close(branch.root);
    }
  });

  test('one clear line for what cannot be a branch', () => {
    const opener = new BranchOpener();
    const path = scratch();
    writeFileSync(join(path, 'file'), '');
    const open = (name: string): void => void opener.open(branchSpec(join(path, name)), 0, false);
    expect(() => open('none')).toThrow(new UnionError(`branch ${path}/none does not exist; make the directory first`));
    expect(() => open('file')).toThrow(new UnionError(`branch ${path}/file is not a directory`));
    expect(() => open('file/x')).toThrow(new UnionError(`branch ${path}/file/x is not a directory`));
    symlinkSync('loop', join(path, 'loop'));
    expect(() => open('loop')).toThrow(new UnionError(`branch ${path}/loop cannot be opened: ELOOP`));
  });

  test('a path of non-ASCII characters', () => {
    const path = join(scratch(), 'größe');
    mkdirSync(path);
    const branch = new BranchOpener().open(branchSpec(path), 0, false);
    expect(branch.path).toBe(path);
    close(branch.root);
  });
});
