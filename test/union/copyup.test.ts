import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { close, O, openat } from '../../src/posix/file.js';
import { AT } from '../../src/posix/directory.js';
import { S } from '../../src/posix/stat.js';
import { copyUp, ensureDirectory, makeWritable, temporaryName } from '../../src/union/copyup.js';
import { letGo } from '../../src/union/place.js';
import { DISK, failure, isRoot, makeUnion, MEMORY, plant, scratch, tinyFileSystem, useUnions, type TestUnion } from './helpers.js';

useUnions();

test('temporary names are hidden and never the same', () => {
  const [a, b] = [temporaryName(), temporaryName()];
  expect(a.startsWith('.wh..wh.')).toBe(true);
  expect(a).not.toBe(b);
});

describe('a first change copies the file', () => {
  const changes: [string, (t: TestUnion) => void][] = [
    ['write', (t) => t.write('d/e/a', 'X')],
    ['truncate', (t) => t.truncate('d/e/a', 1)],
    ['chmod', (t) => t.chmod('d/e/a', 0o600)],
    ['chown', (t) => void t.set('d/e/a', { uid: 7 })],
    ['utimens', (t) => void t.set('d/e/a', { mtime: 5 })],
    ['link', (t) => void t.link('d/e/a', 'd/e/b')],
    ['rename', (t) => t.rename('d/e/a', 'd/e/b')],
    ['setxattr', (t) => t.setxattr('d/e/a', 'user.x', 'y')],
    ['open with O_TRUNC', (t) => t.release(t.open('d/e/a', O.WRONLY | O.TRUNC))],
  ];
  test.each(changes)('%s', (name, change) => {
    const t = makeUnion([['rw'], ['ro', { 'd/e/a': 'AAA', 'd/e/other': '', 'd/f/other': '' }]], { on: name === 'setxattr' ? DISK : MEMORY });
    const ino = t.ino('d/e/a');
    change(t);
    expect(t.names(0)).toContain('d/e/');
    expect(t.names(0).filter((path) => path.includes('other') || path.includes('f/'))).toEqual([]);
    expect(t.text(1, 'd/e/a')).toBe('AAA');
    expect(t.u.nodes.find(ino)?.top.index).toBe(0);
    expect(t.leftovers(0)).toEqual([]);
    // A link is where the copy goes; the former name then shows it (aufs(5), "Pseudo Link").
    expect(t.told().slice(0, 3)).toEqual(['copy-up /d', 'copy-up /d/e', `copy-up /d/e/${name === 'link' ? 'b' : 'a'}`]);
  });

  const looks: [string, (t: TestUnion) => unknown][] = [
    ['stat', (t) => t.stat('d/a')],
    ['read', (t) => t.read('d/a')],
    ['list', (t) => t.ls('d')],
    ['open for writing', (t) => t.release(t.open('d/a', O.RDWR))],
    ['read through a handle open for writing', (t) => t.readFrom(t.open('d/a', O.RDWR))],
    ['fsync', (t) => t.union.fsync(t.open('d/a', O.RDWR), false)],
  ];
  test.each(looks)('%s does not', (_name, look) => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': 'AAA' }]]);
    look(t);
    expect(t.names(0)).toEqual([]);
    expect(t.told()).toEqual([]);
  });
});

test('number, owner, mode and times stay, of the parents too', () => {
  const t = makeUnion([['rw'], ['ro', {
    'd': { dir: true, mode: 0o2751, uid: 3, gid: 4, mtime: 1_000_000 },
    'd/a': { text: 'AAA', mode: 0o4755, uid: 1, gid: 2, mtime: 2_000_000 },
  }]]);
  const [d, a] = [t.ino('d'), t.ino('d/a')];
  letGo(makeWritable(t.u, t.walk('d/a')));
  expect([t.ino('d'), t.ino('d/a')]).toEqual([d, a]);
  const copy = t.lstat(0, 'd/a');
  expect([copy.mode, copy.uid, copy.gid, copy.mtimeMs, copy.size]).toEqual([0o104755, 1, 2, 2_000_000_000, 3]);
  const directory = t.lstat(0, 'd');
  expect([directory.mode, directory.uid, directory.gid]).toEqual([0o42751, 3, 4]);
  t.forgetAll();
  expect([t.ino('d'), t.ino('d/a')]).toEqual([d, a]);
});

test('between two file systems as well', () => {
  for (const [upper, lower] of [[MEMORY, DISK], [DISK, MEMORY]]) {
    const t = makeUnion([['rw', {}, scratch(upper)], ['ro', { 'd/a': { text: 'x'.repeat(300_000), mtime: 77 } }, scratch(lower)]]);
    const ino = t.ino('d/a');
    t.chmod('d/a', 0o600);
    expect([t.ino('d/a'), t.read('d/a').length, t.lstat(0, 'd/a').mtimeMs]).toEqual([ino, 300_000, 77_000]);
    expect(t.events.find((event) => event.path === '/d/a')).toEqual({
      kind: 'copy-up', path: '/d/a', from: t.branch(1), branch: t.branch(0), bytes: 300_000, pid: 0, duration: expect.any(Number) as number,
    });
  }
});

test('symlinks, fifos and devices', () => {
  const t = makeUnion([['rw'], ['ro', { l: { to: 'to', uid: 5, mtime: 9 }, p: { fifo: true, mode: 0o622, mtime: 9 } }]]);
  t.set('l', { uid: 6 });
  t.set('p', { uid: 6 });
  expect(t.names(0)).toEqual(['l@', 'p']);
  expect([t.lstat(0, 'l').uid, t.lstat(0, 'l').mtimeMs, t.readlink('l')]).toEqual([6, 9000, 'to']);
  expect([t.lstat(0, 'p').mode, t.lstat(0, 'p').mtimeMs]).toEqual([S.IFIFO | 0o622, 9000]);
});

test.skipIf(!isRoot)('a device keeps its number', () => {
  const t = makeUnion([['rw']]);
  t.mknod('null', S.IFCHR | 0o666, 1, 3);
  t.union.command('change', { kind: 'mod', path: t.branch(0), mode: { ...t.u.branches[0].spec, perm: 'ro' } });
  t.union.command('change', { kind: 'add', index: 0, branch: { ...t.u.branches[0].spec, path: scratch(), perm: 'rw' } });
  t.set('null', { gid: 9 });
  const st = t.stat('null');
  expect([st.rdevMajor, st.rdevMinor, st.gid, t.names(0)]).toEqual([1, 3, 9, ['null']]);
});

test('a hidden copy is made nowhere but among the orphans, and directories need none', () => {
  const t = makeUnion([['rw'], ['ro', { 'd/a': '' }]]);
  copyUp(t.u, t.walk('d'), t.u.branches[0]);
  expect(t.names(0)).toEqual(['d/']);
  expect(t.walk('d').layers).toEqual(t.u.branches);
  ensureDirectory(t.u, t.walk('d'), t.u.branches[0]);
  expect(t.told()).toEqual(['copy-up /d']);
});

test('the kernel is told of every directory that a copy was put into', () => {
  const t = makeUnion([['rw'], ['ro', { 'd/a': '', 'd/b': '' }]]);
  t.chmod('d/a', 0o600);
  const d = t.walk('d').id;
  expect(t.changed.splice(0)).toEqual([t.root.id, d]);
  t.chmod('d/b', 0o600);
  expect(t.changed).toEqual([d]);
});

test('with udba=none a directory that was there goes on showing its time, until something is done in it', () => {
  const t = makeUnion([['rw', { d: { dir: true, mtime: 1000 } }], ['ro', { 'd/a': '' }]], { udba: 'none' });
  t.chmod('d/a', 0o600);
  expect([t.stat('d').mtime, t.names(0)]).toEqual([1000, ['d/', 'd/a']]);
  t.make('d/b');
  expect(t.stat('d').mtime).toBeGreaterThan(1_000_000);
});

test('a directory that was made directly in the place serves as it is', () => {
  const t = makeUnion([['rw'], ['ro', { 'd/a': '' }]]);
  const a = t.walk('d/a');
  plant(t.branch(0), { 'd/mine': '' });
  t.set(a, { mode: 0o600 });
  expect(t.names(0)).toEqual(['d/', 'd/a', 'd/mine']);
});

describe('failing half-way leaves nothing', () => {
  test('a file made directly in the place is not overwritten', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]]);
    const a = t.walk('a');
    writeFileSync(t.on(0, 'a'), 'theirs');
    expect(failure(() => t.set(a, { mode: 0o600 }))).toBe('EEXIST');
    expect(t.text(0, 'a')).toBe('theirs');
    expect(t.leftovers(0)).toEqual([]);
  });

  test('the lower file was removed directly', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': 'low' }]]);
    const a = t.walk('d/a');
    rmSync(t.on(1, 'd/a'));
    expect(['ENOENT', 'ESTALE']).toContain(failure(() => t.set(a, { mode: 0o600 })));
    expect(t.leftovers(0)).toEqual([]);
    expect(t.names(0)).toEqual(['d/']);
  });

  test('nothing is writable', () => {
    const t = makeUnion([['ro'], ['ro', { 'd/a': 'low' }]]);
    expect(failure(() => t.chmod('d/a', 0o600))).toBe('EROFS');
    expect(failure(() => t.open('d/a', O.WRONLY))).toBe('EROFS');
    expect(failure(() => t.truncate('d/a', 0))).toBe('EROFS');
  });

  test('a read-only branch above a writable one is not written, and hides what is below', () => {
    const t = makeUnion([['ro', { a: 'top', d: null }], ['rw', { a: 'low' }]]);
    expect(failure(() => t.chmod('a', 0o600))).toBe('EROFS');
    expect(t.lstat(1, 'a').mode & 0o777).toBe(0o644);
  });

  test.skipIf(!isRoot)('ENOSPC of the data', () => {
    const text = 'x'.repeat(200_000);
    const t = makeUnion([['rw', {}, tinyFileSystem('size=64k')], ['ro', { 'd/a': text, 'd/b': { same: 'd/a' } }]]);
    const ino = t.ino('d/a');
    const handle = t.open('d/a', O.RDWR);
    expect(failure(() => t.writeTo(handle, 'y'))).toBe('ENOSPC');
    expect(failure(() => t.chmod('d/a', 0o600))).toBe('ENOSPC');
    expect(t.names(0)).toEqual(['d/']);
    expect(t.leftovers(0)).toEqual([]);
    expect(readdirSync(t.on(0, '.wh..wh.plnk'))).toEqual([]);
    expect(t.u.plinks.size).toBe(0);
    expect(t.readFrom(handle)).toBe(text);
    expect([t.ino('d/a'), t.walk('d/a').top.index]).toEqual([ino, 1]);
    // With a shorter copy it goes.
    t.truncate('d/a', 10);
    expect(t.read('d/b')).toBe('x'.repeat(10));
  });

  test.skipIf(!isRoot)('ENOSPC of the inodes: no file, no directory', () => {
    // Base entries and root take four.
    const t = makeUnion([['rw', {}, tinyFileSystem('nr_inodes=5')], ['ro', { 'd/a': 'A', 'd/b': '' }]]);
    expect(failure(() => t.chmod('d/a', 0o600))).toBe('ENOSPC');
    expect(t.names(0)).toEqual(['d/']);
    expect(failure(() => t.unlink('d/b'))).toBe('ENOSPC');
    expect(failure(() => t.make('new'))).toBe('ENOSPC');
    expect(t.ls('d')).toEqual(['a', 'b']);
    expect(t.read('d/a')).toBe('A');
    expect(t.leftovers(0)).toEqual([]);
  });
});

describe('of a file without a name', () => {
  test('has no name either', () => {
    const t = makeUnion([['rw'], ['ro', { a: { text: 'AAA', mode: 0o640 } }]]);
    const reader = t.open('a');
    const writer = t.open('a', O.RDWR);
    t.unlink('a');
    t.writeTo(writer, 'BB');
    expect([t.readFrom(writer), t.readFrom(reader)]).toEqual(['BBA', 'BBA']);
    expect(t.names(0)).toEqual(['.wh.a']);
    expect(t.leftovers(0)).toEqual([]);
    const st = t.statNode(writer.node);
    expect([st.mode, st.size, st.nlink]).toEqual([S.IFREG | 0o640, 3, 0]);
    expect(t.text(1, 'a')).toBe('AAA');
  });

  test('keeps its type', () => {
    const t = makeUnion([['rw'], ['ro', { p: { fifo: true } }]]);
    // Both ends are open here, so that nobody can be left waiting for the other.
    const ends = openat(AT.FDCWD, t.on(1, 'p'), O.RDWR, 0);
    try {
      const node = t.walk('p');
      t.unlink('p');
      expect(failure(() => t.set(node, { mode: 0o600 }))).toBe('success');
      expect(t.statNode(node).mode).toBe(S.IFIFO | 0o600);
    } finally {
      close(ends);
    }
  });
});
