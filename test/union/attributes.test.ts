import { describe, expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import { S } from '../../src/posix/stat.js';
import { SET } from '../../src/union/attributes.js';
import { failure, isRoot, makeUnion, useUnions } from './helpers.js';

useUnions();

describe('getattr', () => {
  test('the number and link count are the union\'s, the rest the branch\'s', () => {
    const t = makeUnion([['rw', { d: null }], ['ro', { d: { dir: true, mode: 0o700 }, a: { text: 'abc', mode: 0o4711, uid: 1, gid: 2, mtime: 99 } }]]);
    const a = t.stat('a');
    expect([a.mode, a.uid, a.gid, a.size, a.mtime, a.nlink]).toEqual([S.IFREG | 0o4711, 1, 2, 3, 99, 1]);
    const d = t.stat('d');
    expect([d.mode, d.nlink, d.ino]).toEqual([S.IFDIR | 0o755, 1, t.walk('d').ino]);
    expect(t.statNode(t.root).nlink).toBe(1);
  });

  test('by a handle', () => {
    const t = makeUnion([['rw', { a: 'abc' }]]);
    const handle = t.open('a');
    expect(t.statNode(handle.node, handle)).toEqual(t.stat('a'));
  });
});

describe('setattr', () => {
  test('mode, owner, times; each alone leaves the others', () => {
    const t = makeUnion([['rw', { a: { text: 'abc', mode: 0o640, uid: 1, gid: 2, mtime: 99 } }]]);
    expect(t.set('a', { mode: 0o100600 }).mode).toBe(S.IFREG | 0o600);
    const uid = t.set('a', { uid: 5 });
    expect([uid.uid, uid.gid]).toEqual([5, 2]);
    const gid = t.set('a', { gid: 6 });
    expect([gid.uid, gid.gid, gid.mode & 0o7777, gid.mtime]).toEqual([5, 6, 0o600, 99]);
    const mtime = t.set('a', { mtime: 1234, mtimeNsec: 567 });
    expect([mtime.mtime, mtime.mtimeNsec, mtime.atime]).toEqual([1234, 567, 99]);
    const atime = t.set('a', { atime: -5, atimeNsec: 1 });
    expect([atime.mtime, atime.atime, atime.atimeNsec]).toEqual([1234, -5, 1]);
    const now = t.set('a', {}, SET.ATIME | SET.ATIME_NOW | SET.MTIME | SET.MTIME_NOW);
    expect(Math.abs(now.mtime - Date.now() / 1000)).toBeLessThan(60);
    expect(now.atime).toBe(now.mtime);
    expect(t.lstat(0, 'a').uid).toBe(5);
  });

  test('chown and chmod together: set-id bits last', () => {
    const t = makeUnion([['rw', { a: '' }]]);
    expect(t.set('a', { uid: 5, mode: 0o6755 }).mode & 0o7777).toBe(0o6755);
  });

  test('of a directory, a fifo, a symlink itself', () => {
    const t = makeUnion([['rw', { target: { text: '', mode: 0o644, mtime: 7 } }], ['ro', { d: null, p: { fifo: true }, l: { to: 'target' } }]]);
    expect(t.set('d', { mode: 0o1777, mtime: 5 }).mode).toBe(S.IFDIR | 0o1777);
    expect(t.set('p', { mode: 0o600, mtime: 5 }).mode).toBe(S.IFIFO | 0o600);
    const l = t.set('l', { uid: 3, mtime: 5 });
    expect([l.mode & S.IFMT, l.uid, l.mtime]).toEqual([S.IFLNK, 3, 5]);
    expect([t.stat('target').mtime, t.stat('target').uid]).toEqual([7, 0]);
    expect(failure(() => t.set('l', { mode: 0o600 }))).toBe('EOPNOTSUPP');
    expect(t.stat('target').mode & 0o777).toBe(0o644);
  });

  test('of the root, when it lies on a read-only branch too', () => {
    const t = makeUnion([['rw'], ['ro']]);
    expect(t.set('', { mode: 0o711 }).mode).toBe(S.IFDIR | 0o711);
    expect(t.lstat(0, '').mode & 0o777).toBe(0o711);
    expect(failure(() => makeUnion([['ro'], ['rw']]).set('', { mode: 0o711 }))).toBe('EROFS');
  });

  test('size: shorter, longer; a copy-up copies no more than stays', () => {
    const t = makeUnion([['rw', { a: 'abcdef' }], ['ro', { b: 'abcdef', c: 'abcdef', d: 'abcdef' }]]);
    expect([t.set('a', { size: 3 }).size, t.read('a')]).toEqual([3, 'abc']);
    t.told();
    expect([t.set('b', { size: 3 }).size, t.read('b')]).toEqual([3, 'abc']);
    expect(t.events.find((event) => event.kind === 'copy-up')?.bytes).toBe(3);
    expect([t.set('c', { size: 8 }).size, t.read('c')]).toEqual([8, 'abcdef\0\0']);
    expect([t.set('d', { size: 0 }).size, t.text(1, 'd')]).toEqual([0, 'abcdef']);
  });

  test('size by a handle', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'abcdef' }]]);
    const handle = t.open('a', O.RDWR);
    expect(t.set(handle.node, { size: 2 }, 0, handle).size).toBe(2);
    expect(t.readFrom(handle)).toBe('ab');
  });

  test('size of a directory is EISDIR', () => {
    const t = makeUnion([['rw', { d: null }]]);
    expect(failure(() => t.truncate('d', 0))).toBe('EISDIR');
  });

  test.skipIf(!isRoot)('the set-id bits at truncation, when the kernel says so', () => {
    const t = makeUnion([['rw', { a: { text: 'abc', mode: 0o6755 }, b: { text: 'abc', mode: 0o2745 } }]]);
    expect(t.set('a', { size: 2 }).mode & 0o7777).toBe(0o6755);
    expect(t.set('a', { size: 1 }, SET.KILL_SUIDGID).mode & 0o7777).toBe(0o755);
    // A set-gid bit without execution by the group is a lock mark.
    expect(t.set('b', { size: 1 }, SET.KILL_SUIDGID).mode & 0o7777).toBe(0o2745);
  });

  test('nothing asked still tells the attributes', () => {
    const t = makeUnion([['rw', { a: 'abc' }]]);
    expect(t.set('a', {}).size).toBe(3);
  });

  test('nothing asked, which is chown(2) to nobody else, takes set-id bits away', () => {
    const t = makeUnion([['rw'], ['ro', { a: { text: 'abc', mode: 0o6755 } }]]);
    expect(t.set('a', {}).mode & 0o7777).toBe(0o755);
    expect([t.names(0), t.read('a')]).toEqual([['a'], 'abc']);
  });

  test('EROFS', () => {
    const t = makeUnion([['rw', { a: '' }]], { readonly: true });
    expect(failure(() => t.chmod('a', 0o600))).toBe('EROFS');
    expect(failure(() => t.truncate('a', 0))).toBe('EROFS');
    expect(failure(() => t.set('a', { mtime: 1 }))).toBe('EROFS');
  });
});
