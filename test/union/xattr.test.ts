import { describe, expect, test } from 'vitest';
import { allocate } from '../../src/posix/memory.js';
import { XATTR } from '../../src/posix/xattr.js';
import { DISK, failure, isRoot, makeUnion, useUnions } from './helpers.js';

useUnions();

const on = { on: DISK };

describe('set, get, list, remove', () => {
  test('of files, directories and, as root, symlinks', () => {
    const t = makeUnion([['rw', { a: '', d: null, l: { to: 'a' } }]], on);
    for (const path of isRoot ? ['a', 'd', 'l'] : ['a', 'd']) {
      const name = path === 'l' ? 'trusted.x' : 'user.x';
      t.setxattr(path, name, 'v\0\xff');
      expect([t.getxattr(path, name), t.listxattr(path)]).toEqual(['v\0\xff', [name]]);
      t.union.removexattr(t.walk(path), name);
      expect([failure(() => t.getxattr(path, name)), t.listxattr(path)]).toEqual(['ENODATA', []]);
    }
  });

  test('sizes: 0 asks, too small is ERANGE', () => {
    const t = makeUnion([['rw', { a: '' }]], on);
    t.setxattr('a', 'user.x', 'value');
    const a = t.walk('a');
    const memory = allocate(64);
    expect(t.union.getxattr(a, 'user.x', memory.address, 0)).toBe(5);
    expect(failure(() => t.union.getxattr(a, 'user.x', memory.address, 4))).toBe('ERANGE');
    expect(t.union.listxattr(a, memory.address, 0)).toBe(7);
    expect(failure(() => t.union.listxattr(a, memory.address, 6))).toBe('ERANGE');
  });

  test('CREATE and REPLACE', () => {
    const t = makeUnion([['rw', { a: '' }]], on);
    expect(failure(() => t.setxattr('a', 'user.x', '1', XATTR.REPLACE))).toBe('ENODATA');
    t.setxattr('a', 'user.x', '1', XATTR.CREATE);
    expect(failure(() => t.setxattr('a', 'user.x', '2', XATTR.CREATE))).toBe('EEXIST');
    t.setxattr('a', 'user.x', '3', XATTR.REPLACE);
    expect(t.getxattr('a', 'user.x')).toBe('3');
  });

  test('a change copies up, a look does not', () => {
    const t = makeUnion([['rw'], ['ro', { 'a': '', 'd/b': '' }]], on);
    expect(failure(() => t.getxattr('a', 'user.x'))).toBe('ENODATA');
    expect([t.listxattr('a'), t.names(0)]).toEqual([[], []]);
    t.setxattr('d', 'user.x', 'd');
    t.setxattr('a', 'user.x', 'a');
    expect([t.names(0), t.getxattr('a', 'user.x'), t.getxattr('d', 'user.x')]).toEqual([['a', 'd/'], 'a', 'd']);
  });

  test('of a file without a name', () => {
    const t = makeUnion([['rw', { a: '' }]], on);
    const handle = t.open('a');
    t.unlink('a');
    const memory = allocate(64);
    memory.bytes.write('v');
    t.union.setxattr(handle.node, 'user.x', memory.address, 1, 0, false);
    expect(t.union.getxattr(handle.node, 'user.x', memory.address, 64)).toBe(1);
  });

  test('EROFS', () => {
    const t = makeUnion([['ro', { a: '' }]], on);
    expect(failure(() => t.setxattr('a', 'user.x', ''))).toBe('EROFS');
    expect(failure(() => t.union.removexattr(t.walk('a'), 'user.x'))).toBe('EROFS');
  });
});

test('an ACL set by one outside the group takes the set-gid bit', () => {
  const acl = Buffer.from('0200000001000600ffffffff04000500ffffffff20000500ffffffff', 'hex');
  for (const kill of [false, true]) {
    const t = makeUnion([['rw', { a: { text: '', mode: 0o2755 } }]], on);
    const memory = allocate(64);
    acl.copy(memory.bytes);
    t.union.setxattr(t.walk('a'), 'system.posix_acl_access', memory.address, acl.length, 0, kill);
    expect(t.lstat(0, 'a').mode & 0o7777).toBe(kill ? 0o655 : 0o2655);
  }
});
