// uidmapping=, gidmapping= and squash_to_…: owners shown as others than they are on the branches.
import { chmodSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import type { UnionOptions } from '../../src/union/options.js';
import { DISK, failure, isRoot, makeUnion, type TestUnion, useUnions } from './helpers.js';

useUnions();

const mapping = [{ onBranch: 0, shown: 100_000, count: 1000 }, { onBranch: 5000, shown: 7, count: 2 }];
const mapped = { uidMapping: mapping, gidMapping: mapping };

function owner(t: TestUnion, path: string): [number, number] {
  const { uid, gid } = t.stat(path);
  return [uid, gid];
}

function onBranch(t: TestUnion, path: string): [number, number] {
  const { uid, gid } = t.lstat(0, path);
  return [uid, gid];
}

/** Not root here, the caller may write where the kernel has let him. */
function open(t: TestUnion): TestUnion {
  chmodSync(t.branch(0), 0o777);
  return t;
}

function as(t: TestUnion, uid: number, gid = uid): void {
  t.union.caller.uid = uid;
  t.union.caller.gid = gid;
}

describe.skipIf(!isRoot)(`mapped owners${isRoot ? '' : ' (skipped: not root)'}`, () => {
  const tree = { a: { text: '', uid: 3, gid: 999 }, b: { text: '', uid: 5001, gid: 1000 }, d: { dir: true as const, uid: 0, gid: 0 } };

  test('are shown by the mapping; those outside of it as the overflow owner', () => {
    const t = makeUnion([['rw', {}], ['ro', tree]], mapped);
    expect([owner(t, 'a'), owner(t, 'b'), owner(t, 'd')]).toEqual([[100_003, 100_999], [8, 65534], [100_000, 100_000]]);
  });

  test('one of the two alone', () => {
    const t = makeUnion([['rw', tree]], { uidMapping: mapping });
    expect(owner(t, 'a')).toEqual([100_003, 999]);
  });

  test('what is made belongs to the caller, on the branch by the mapping', () => {
    const t = open(makeUnion([['rw', {}]], mapped));
    as(t, 100_000);
    t.make('root');
    t.mkdir('dir');
    as(t, 8, 7);
    t.symlink('link', 'x');
    as(t, 1);
    t.make('outside');
    expect([onBranch(t, 'root'), onBranch(t, 'dir'), onBranch(t, 'link'), onBranch(t, 'outside')])
      .toEqual([[0, 0], [0, 0], [5001, 5000], [65534, 65534]]);
    expect([owner(t, 'root'), owner(t, 'link'), owner(t, 'outside')]).toEqual([[100_000, 100_000], [8, 7], [65534, 65534]]);
  });

  test('chown, the copy keeping what was not changed', () => {
    const t = makeUnion([['rw', {}], ['ro', tree]], mapped);
    const shown = t.set('a', { uid: 100_042 });
    expect([shown.uid, shown.gid, onBranch(t, 'a')]).toEqual([100_042, 100_999, [42, 999]]);
    t.chmod('b', 0o600);
    expect([owner(t, 'b'), onBranch(t, 'b')]).toEqual([[8, 65534], [5001, 1000]]);
  });

  test('ACLs name the owners that are shown', () => {
    const t = makeUnion([['rw', { a: '' }]], { ...mapped, on: DISK });
    const entry = (tag: number, perm: number, id: number): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt16LE(tag, 0);
      bytes.writeUInt16LE(perm, 2);
      bytes.writeUInt32LE(id, 4);
      return bytes;
    };
    const acl = (user: number, group: number): string => Buffer.concat([
      Buffer.from([2, 0, 0, 0]), entry(1, 6, 0xffffffff), entry(2, 4, user), entry(4, 4, 0xffffffff), entry(8, 4, group),
      entry(16, 4, 0xffffffff), entry(32, 4, 0xffffffff),
    ]).toString('latin1');
    t.setxattr('a', 'system.posix_acl_access', acl(100_042, 8));
    expect(t.getxattr('a', 'system.posix_acl_access')).toBe(acl(100_042, 8));
    // As the branch has it: the same union without the mapping.
    const branches = t.options.branches;
    const plain = makeUnion([['rw', {}, branches[0].path]]);
    expect(plain.getxattr('a', 'system.posix_acl_access')).toBe(acl(42, 5001));
  });

  test('everything squashed to one owner; what is kept is the caller\'s', () => {
    const t = open(makeUnion([['rw', tree]], { squashUid: 0, squashGid: 42 }));
    as(t, 1234);
    t.make('new');
    expect([owner(t, 'a'), owner(t, 'b'), owner(t, 'new'), onBranch(t, 'new')]).toEqual([[0, 42], [0, 42], [0, 42], [1234, 1234]]);
    // It goes before a mapping, as in fuse-overlayfs.
    expect(owner(makeUnion([['rw', tree]], { ...mapped, squashUid: 9 }), 'a')).toEqual([9, 100_999]);
  });
});

test('cannot be changed while mounted, nor can volatile', () => {
  const t = makeUnion([['rw', { a: '' }]], { volatile: true });
  const set = (options: Partial<UnionOptions>): string => {
    try {
      t.union.command('set', options);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  expect(set({ uidMapping: mapping })).toContain('cannot be changed while mounted');
  expect(set({ volatile: false })).toContain('cannot be changed while mounted');
  expect(set({ volatile: true, uidMapping: [] })).toBe('');
});

test('volatile: the kernel is told not to ask for synchronisation any more', () => {
  const t = makeUnion([['rw', { a: '' }]], { volatile: true });
  expect([failure(() => t.union.fsync(t.open('a', O.WRONLY), false)), failure(() => t.union.fsyncdir(t.opendir(''), false)), failure(() => t.union.syncfs())])
    .toEqual(['ENOSYS', 'ENOSYS', 'ENOSYS']);
});
