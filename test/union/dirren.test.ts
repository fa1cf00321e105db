// dirren: directories renamed together with what lower branches hold of them.

import { chownSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openat, O, close } from '../../src/posix/file.js';
import { StatFs, fstatfs } from '../../src/posix/statfs.js';
import { AT } from '../../src/posix/directory.js';
import { RENAME } from '../../src/posix/directory.js';
import { failure, isRoot, makeUnion, type BranchGiven, type Setting, type TestUnion, unionOver, useUnions } from './helpers.js';

useUnions();

function renaming(given: readonly BranchGiven[], setting: Setting = {}): TestUnion {
  return makeUnion(given, { dirren: true, ...setting });
}

/** The same branches, mounted anew. */
function remounted(t: TestUnion, dirren = true): TestUnion {
  expect(t.finish()).toEqual([]);
  return unionOver(t.options.branches, { ...t.options, dirren });
}

/** Everything the union shows: directories end with '/', files are followed by their content. */
function shown(t: TestUnion, under = ''): string[] {
  return t.ls(under).flatMap((name) => {
    const path = under === '' ? name : `${under}/${name}`;
    return t.walk(path).isDirectory ? [`${path}/`, ...shown(t, path)] : [`${path}=${t.read(path)}`];
  });
}

/** Before and after a new mount the same is to be seen, and nothing complained of. */
function expectShown(t: TestUnion, expected: string[]): TestUnion {
  expect(shown(t)).toEqual(expected);
  t.forgetAll();
  expect(shown(t)).toEqual(expected);
  const again = remounted(t);
  expect(shown(again)).toEqual(expected);
  expect(again.logs).toEqual([]);
  return again;
}

const LOWER = { 'd/a': 'A', 'd/s/b': 'B' };

test('without dirren: EXDEV', () => {
  const t = makeUnion([['rw'], ['ro', LOWER]]);
  expect(failure(() => t.rename('d', 'n'))).toBe('EXDEV');
});

describe('renamed in its parent', () => {
  test('shows its lower children, before and after a new mount; the inode numbers stay', () => {
    const t = renaming([['rw'], ['ro', LOWER]]);
    const numbers = ['d', 'd/a', 'd/s', 'd/s/b'].map((path) => t.ino(path));
    t.rename('d', 'n');
    expect(['n', 'n/a', 'n/s', 'n/s/b'].map((path) => t.ino(path))).toEqual(numbers);
    t.forgetAll();
    expect(['n', 'n/a', 'n/s', 'n/s/b'].map((path) => t.ino(path))).toEqual(numbers);
    expectShown(t, ['n/', 'n/a=A', 'n/s/', 'n/s/b=B']);
  });

  test("is recorded in AUFS's form", () => {
    const t = renaming([['rw'], ['ro', LOWER]]);
    t.rename('d', 'n');
    const record = recordName(t, 1);
    expect(t.names(0)).toEqual(['.wh..wh.hino', '.wh.d', 'n/', `n/${record}`]);
    const data = readFileSync(t.on(0, `n/${record}`));
    expect(data).toEqual(aufsRecord(t.lstat(1, 'd').ino, 'd'));
    expect(t.lstat(0, `n/${record}`).mode & 0o7777).toBe(0o600);
    const list = readFileSync(t.on(0, '.wh..wh.hino'));
    expect([list.length, Number(list.readBigUInt64BE(0))]).toEqual([8, t.lstat(0, 'n').ino]);
  });

  test('what AUFS recorded is read', () => {
    const t = renaming([['rw', { n: null, '.wh.d': '' }], ['ro', LOWER]]);
    expect(t.ls('n')).toEqual([]);
    writeFileSync(t.on(0, `n/${recordName(t, 1)}`), aufsRecord(t.lstat(1, 'd').ino, 'd'));
    const list = Buffer.alloc(8);
    list.writeBigUInt64BE(BigInt(t.lstat(0, 'n').ino));
    writeFileSync(t.on(0, '.wh..wh.hino'), list);
    expect(t.finish()).toEqual([]);
    expectShown(unionOver(t.options.branches, t.options), ['n/', 'n/a=A', 'n/s/', 'n/s/b=B']);
  });

  test('the next mount without dirren shows what is on its own branch only; with it, all again', () => {
    const t = renaming([['rw', { 'd/top': 'T' }], ['ro', LOWER]]);
    t.rename('d', 'n');
    const without = remounted(t, false);
    expect(shown(without)).toEqual(['n/', 'n/top=T']);
    expect(shown(remounted(without))).toEqual(['n/', 'n/a=A', 'n/s/', 'n/s/b=B', 'n/top=T']);
  });

  test('twice, and back again: nothing is left of it', () => {
    const t = renaming([['rw', { 'd/top': 'T' }], ['ro', LOWER]]);
    t.rename('d', 'n');
    t.rename('n', 'm');
    const again = expectShown(t, ['m/', 'm/a=A', 'm/s/', 'm/s/b=B', 'm/top=T']);
    again.rename('m', 'd');
    const home = expectShown(again, ['d/', 'd/a=A', 'd/s/', 'd/s/b=B', 'd/top=T']);
    expect(remounted(home).names(0)).toEqual(['d/', 'd/top']);
  });

  test('with open files and directories', () => {
    const t = renaming([['rw'], ['ro', LOWER]]);
    const file = t.open('d/s/b', O.RDWR);
    const directory = t.opendir('d/s');
    t.rename('d', 'n');
    expect(t.readFrom(file)).toBe('B');
    t.writeTo(file, 'C');
    t.release(file);
    t.releasedir(directory);
    expectShown(t, ['n/', 'n/a=A', 'n/s/', 'n/s/b=C']);
  });

  test('a listing begun before goes on', () => {
    const t = renaming([['rw', { 'd/top': '' }], ['ro', LOWER]]);
    const directory = t.opendir('d');
    t.rename('d', 'n');
    const names: string[] = [];
    t.union.readdir(directory, 0, (name) => names.push(name) > 0);
    expect(names.sort()).toEqual(['.', '..', 'a', 's', 'top']);
  });
});

describe('moved to another directory', () => {
  test('shows its lower children', () => {
    const t = renaming([['rw', { e: null }], ['ro', LOWER]]);
    t.rename('d/s', 'e/n');
    const again = expectShown(t, ['d/', 'd/a=A', 'e/', 'e/n/', 'e/n/b=B']);
    expect(again.text(0, `e/n/.wh..wh..dr_path.${branchName(again, 1)}`)).toBe(`${String(again.lstat(1, 'd/s').ino)} /d/s`);
    again.rename('d', 'f');
    again.rename('e/n', 'm');
    const more = expectShown(again, ['e/', 'f/', 'f/a=A', 'm/', 'm/b=B']);
    more.rename('m', 'f/s');
    const last = expectShown(more, ['e/', 'f/', 'f/a=A', 'f/s/', 'f/s/b=B']);
    // Beside its parent's part again: AUFS's form does.
    expect(last.names(0).filter((name) => name.includes('dr_path'))).toEqual([]);
  });

  test('back home: nothing is left of it', () => {
    const t = renaming([['rw', { e: null }], ['ro', LOWER]]);
    t.rename('d/s', 'e/s');
    t.rename('e/s', 'd/s');
    const again = expectShown(t, ['d/', 'd/a=A', 'd/s/', 'd/s/b=B', 'e/']);
    expect(remounted(again).names(0)).toEqual(['d/', 'd/s/', 'e/']);
  });

  test('whose path is too long to be recorded: EXDEV', () => {
    const long = [...Array.from({ length: 16 }, () => 'x'.repeat(240)), 'x'.repeat(150)].join('/');
    const t = renaming([['rw', { e: null }], ['ro', { [`${long}/d/a`]: '' }]]);
    expect(failure(() => t.rename(`${long}/d`, 'e/d'))).toBe('EXDEV');
    expect([t.has(`${long}/d/a`), t.ls('e')]).toEqual([true, []]);
    t.rename(`${long}/d`, `${long}/n`);
    expect(t.has(`${long}/n/a`)).toBe(true);
  });
});

describe('what was its old name', () => {
  test('a new directory there shows nothing of it', () => {
    const t = renaming([['rw'], ['ro', LOWER]]);
    t.rename('d', 'n');
    t.mkdir('d');
    t.make('d/x', 'X');
    expectShown(t, ['d/', 'd/x=X', 'n/', 'n/a=A', 'n/s/', 'n/s/b=B']);
  });

  test('renamed onto one another in a circle', () => {
    const t = renaming([['rw'], ['ro', { 'a/1': '', 'b/2': '', 'c/3': '' }]]);
    t.rename('a', 't');
    t.rename('c', 'a');
    t.rename('b', 'c');
    t.rename('t', 'b');
    expectShown(t, ['a/', 'a/3=', 'b/', 'b/1=', 'c/', 'c/2=']);
  });

  test('after rmdir nothing comes up again', () => {
    const t = renaming([['rw'], ['ro', LOWER]]);
    t.rename('d', 'n');
    for (const name of ['n/a', 'n/s/b']) t.unlink(name);
    expect(failure(() => t.rmdir('n'))).toBe('ENOTEMPTY');
    t.rmdir('n/s');
    t.rmdir('n');
    const again = expectShown(t, []);
    expect(again.names(0)).toEqual(['.wh.d']);
    again.mkdir('n');
    again.mkdir('d');
    expectShown(again, ['d/', 'n/']);
  });
});

describe('onto another directory', () => {
  const cases: [string, BranchGiven[], (t: TestUnion) => void][] = [
    ['an empty upper one', [['rw', { e: null }], ['ro', LOWER]], () => undefined],
    ['an empty lower one', [['rw'], ['ro', { ...LOWER, e: null }]], () => undefined],
    ['one that was emptied', [['rw'], ['ro', { ...LOWER, 'e/x': '' }]], (t) => t.unlink('e/x')],
    ['a name that was removed', [['rw'], ['ro', { ...LOWER, e: 'x' }]], (t) => t.unlink('e')],
    ['a removed directory', [['rw'], ['ro', { ...LOWER, 'e/x': '' }]], (t) => (t.unlink('e/x'), t.rmdir('e'))],
    ['one that was renamed away', [['rw'], ['ro', { ...LOWER, 'e/x': '' }]], (t) => (t.rename('e', 'd/e'), t.rename('d/e/x', 'd/x'), t.rename('d/x', 'd/s/x'), t.unlink('d/s/x'), t.rmdir('d/e'))],
    ['between branches', [['rw'], ['ro', { 'e/m': '' }], ['ro', LOWER]], (t) => (t.unlink('e/m'), t.rmdir('e'))],
  ];
  test.each(cases)('%s', (_what, given, first) => {
    const t = renaming(given);
    first(t);
    t.rename('d', 'e');
    expectShown(t, ['e/', 'e/a=A', 'e/s/', 'e/s/b=B']);
  });

  test('that is not empty: ENOTEMPTY; NOREPLACE: EEXIST; EXCHANGE: EINVAL', () => {
    const t = renaming([['rw'], ['ro', { ...LOWER, 'e/x': '' }]]);
    expect(failure(() => t.rename('d', 'e'))).toBe('ENOTEMPTY');
    expect(failure(() => t.rename('d', 'e', RENAME.NOREPLACE))).toBe('EEXIST');
    expect(failure(() => t.rename('d', 'e', RENAME.EXCHANGE))).toBe('EINVAL');
    expectShown(t, ['d/', 'd/a=A', 'd/s/', 'd/s/b=B', 'e/', 'e/x=']);
  });
});

describe('nested', () => {
  test('a directory within a renamed one, and the renamed one again', () => {
    const t = renaming([['rw'], ['ro', { 'd/s/t/x': 'X' }]]);
    t.rename('d', 'n');
    t.rename('n/s', 'n/r');
    t.rename('n/r/t', 'n/r/u');
    t.rename('n', 'm');
    const again = expectShown(t, ['m/', 'm/r/', 'm/r/u/', 'm/r/u/x=X']);
    again.rename('m/r/u', 'u');
    again.rename('m', 'u/m');
    expectShown(again, ['u/', 'u/m/', 'u/m/r/', 'u/x=X']);
  });

  test('changes below: copy-up, removal, new names', () => {
    const t = renaming([['rw'], ['ro', { 'd/a': 'A', 'd/s/b': 'B', 'd/s/c': 'C', 'd/s/t/e': 'E' }]]);
    t.rename('d', 'n');
    t.write('n/s/b', 'b');
    t.unlink('n/s/c');
    t.make('n/s/new', 'N');
    t.make('n/s/t/new', 'N');
    t.rename('n/s/t/e', 'n/e');
    const again = expectShown(t, ['n/', 'n/a=A', 'n/e=E', 'n/s/', 'n/s/b=b', 'n/s/new=N', 'n/s/t/', 'n/s/t/new=N']);
    expect(again.text(1, 'd/s/b')).toBe('B');
    again.unlink('n/s/b');
    expect(again.has('n/s/b')).toBe(false);
  });
});

describe('several branches', () => {
  test('each part is found where it lies', () => {
    const t = renaming([['rw', { 'd/1': '' }], ['ro', { 'd/2': '' }], ['ro'], ['ro', { 'd/3': '', 'd/1': 'hidden' }]]);
    t.rename('d', 'n');
    expectShown(t, ['n/', 'n/1=', 'n/2=', 'n/3=']);
  });

  test('renamed on the second, then on the first', () => {
    const t = renaming([['rw'], ['rw', { 'd/2': '' }], ['ro', { 'd/3': '' }]]);
    t.rename('d', 'n');
    expect(t.names(1)).toContain('n/2');
    expect(expectShown(t, ['n/', 'n/2=', 'n/3=']).finish()).toEqual([]);
    const [first, ...others] = t.options.branches;
    const above = unionOver([first, { ...others[0], perm: 'ro', wh: true }, others[1]], t.options);
    above.mkdir('e');
    above.rename('n', 'e/m');
    const again = expectShown(above, ['e/', 'e/m/', 'e/m/2=', 'e/m/3=']);
    again.make('e/m/1');
    expectShown(again, ['e/', 'e/m/', 'e/m/1=', 'e/m/2=', 'e/m/3=']);
  });

  test('a branch comes and goes', () => {
    const t = renaming([['rw'], ['ro', { 'd/2': '' }], ['ro', { 'd/3': '' }]]);
    const { 1: middle } = t.options.branches;
    t.rename('d', 'n');
    t.union.command('change', { kind: 'del', path: middle.path });
    expect(shown(t)).toEqual(['n/', 'n/3=']);
    t.union.command('change', { kind: 'add', index: 2, branch: middle });
    expect(shown(t)).toEqual(['n/', 'n/2=', 'n/3=']);
    t.rename('n', 'm');
    t.union.command('change', { kind: 'del', path: middle.path });
    t.union.command('change', { kind: 'add', index: 1, branch: middle });
    expect(shown(t)).toEqual(['m/', 'm/2=', 'm/3=']);
    expectShown(t, ['m/', 'm/2=', 'm/3=']);
  });

  test('nodirren and dirren while mounted', () => {
    const t = renaming([['rw', { 'd/top': '' }], ['ro', LOWER]]);
    t.rename('d', 'n');
    t.union.command('set', { dirren: false });
    expect(shown(t)).toEqual(['n/', 'n/top=']);
    t.union.command('set', { dirren: true });
    expect(shown(t)).toEqual(['n/', 'n/a=A', 'n/s/', 'n/s/b=B', 'n/top=']);
  });

  test('a branch made read-only keeps its renames', () => {
    const t = renaming([['rw'], ['rw'], ['ro', LOWER]]);
    t.rename('d', 'n');
    t.union.command('change', { kind: 'mod', path: t.branch(0), mode: { ...t.options.branches[0], perm: 'ro', wh: true } });
    expect(shown(t)).toEqual(['n/', 'n/a=A', 'n/s/', 'n/s/b=B']);
  });
});

describe('records that are not to be followed', () => {
  /** A renamed directory whose record the test spoils; `own` and, for root, somebody else. */
  function spoiled(spoil: (record: string, t: TestUnion) => void): TestUnion {
    const t = renaming([['rw', { 'd/top': '' }], ['ro', { ...LOWER, 'secret/x': '' }]]);
    t.rename('d', 'n');
    expect(t.finish()).toEqual([]);
    spoil(t.options.branches[0].path + `/n/${recordName(t, 1)}`, t);
    return unionOver(t.options.branches, t.options);
  }

  /** The branches of a union that was closed. */
  const lower = (t: TestUnion): string => t.options.branches[1].path;
  const inode = (path: string): number => lstatSync(path).ino;

  const cases: [string, (record: string, t: TestUnion) => void][] = [
    ['empty', (record) => writeFileSync(record, '')],
    ['of another kind', (record) => writeFileSync(record, 'x'.repeat(40))],
    ['cut short', (record) => writeFileSync(record, readFileSync(record).subarray(0, 24))],
    ['too long', (record) => writeFileSync(record, Buffer.alloc(100_000))],
    ['a directory', (record) => (rmSync(record), mkdirSync(record))],
    ['a symlink', (record) => (renameSync(record, `${record}x`), symlinkSync(`${record}x`, record))],
    ['naming a way up', (record, t) => writeFileSync(record, aufsRecord(inode(lower(t)), '..'))],
    ['naming itself', (record, t) => writeFileSync(record, aufsRecord(inode(lower(t)), '.'))],
    ['with a path for a name', (record, t) => writeFileSync(record, aufsRecord(inode(`${lower(t)}/d/s`), 'd/s'))],
    ['for another inode', (record, t) => writeFileSync(record, aufsRecord(inode(`${lower(t)}/secret`), 'd'))],
    ['for nothing', (record) => writeFileSync(record, aufsRecord(1, 'nowhere'))],
    ['for a file', (record, t) => writeFileSync(record, aufsRecord(inode(`${lower(t)}/d/a`), 'a'))],
    ['a path out of the branch', (record, t) => outward(record, t, '/../outside')],
    ['a path through a symlink', (record, t) => (symlinkSync('..', `${lower(t)}/up`), outward(record, t, '/up/outside'))],
    ['an absolute symlink on the way', (record, t) => (symlinkSync(join(lower(t), '..'), `${lower(t)}/up`), outward(record, t, '/up/outside'))],
    ['a path that is none', (record) => writeFileSync(record.replace('..dr.', '..dr_path.'), 'x')],
    ["AUFS's own directories", (record, t) => (mkdirSync(`${lower(t)}/.wh..wh.plnk`), pathRecord(record, inode(`${lower(t)}/.wh..wh.plnk`), '/.wh..wh.plnk'))],
  ];

  function pathRecord(record: string, ino: number, path: string): void {
    writeFileSync(record.replace('..dr.', '..dr_path.'), `${String(ino)} ${path}`);
  }

  function outward(record: string, t: TestUnion, path: string): void {
    const outside = join(lower(t), '../outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'password'), '');
    pathRecord(record, inode(outside), path);
  }

  test.each(cases)('%s: ignored, with one warning', (_what, spoil) => {
    const t = spoiled(spoil);
    for (let i = 0; i < 2; i++) {
      expect(t.ls('n')).toEqual(['top']);
      t.forgetAll();
    }
    expect(t.logs.length).toBe(1);
    expect(t.logs[0]).toMatch(/^warn: .*renamed directory \/n: .*; ignored$/);
    expect(t.ls()).toEqual(expect.arrayContaining(['n', 'secret']));
  });

  test.skipIf(!isRoot)("somebody else's: ignored", () => {
    const t = spoiled((record) => chownSync(record, 1234, 1234));
    expect([t.ls('n'), t.logs.length]).toEqual([['top'], 1]);
  });

  test('a list that is no list does no harm', () => {
    const t = renaming([['rw', { '.wh..wh.hino': 'odd' }], ['ro', LOWER]]);
    t.rename('d', 'n');
    expectShown(t, ['n/', 'n/a=A', 'n/s/', 'n/s/b=B']);
  });
});

/** AUFS's name for a branch, from what statfs(2) and stat(2) say of it. */
function branchName(t: TestUnion, index: number): string {
  const { path } = t.options.branches[index];
  const fd = openat(AT.FDCWD, path, O.PATH, 0);
  const st = new StatFs();
  fstatfs(fd, st);
  close(fd);
  const { ino, dev } = lstatSync(path);
  const id = st.fsid0 === 0 && st.fsid1 === 0 ? '' : `2_${hex(st.fsid0)}-${hex(st.fsid1)}`;
  if (id !== '') return `${id}_${String(ino)}`;
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  return `3_${major.toString(16).padStart(2, '0')}${minor.toString(16).padStart(2, '0')}_${String(ino)}`;
}

function hex(n: number): string {
  return n.toString(16).padStart(8, '0');
}

function recordName(t: TestUnion, index: number): string {
  return `.wh..wh..dr.${branchName(t, index)}`;
}

function aufsRecord(ino: number, name: string): Buffer {
  const data = Buffer.alloc(24 + name.length);
  data.write('adr\x01', 'latin1');
  data.writeBigUInt64BE(BigInt(ino), 8);
  data[16] = name.length;
  data.write(name, 24, 'latin1');
  return data;
}
