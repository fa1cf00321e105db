import { execFileSync } from 'node:child_process';
import { closeSync, lstatSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { getXattr, lsetxattrat } from '../../src/posix/xattr.js';
import { AT } from '../../src/posix/directory.js';
import { allocate } from '../../src/posix/memory.js';
import { Stat, statat } from '../../src/posix/stat.js';
import { copyAttributes, copyTimes } from '../../src/union/copy-attributes.js';
import { DISK, MEMORY, failure, isRoot, makeUnion, scratch, useUnions } from './helpers.js';

useUnions();

const memory = allocate(65536);

function setXattr(path: string, name: string, value: string | Buffer): number {
  const bytes = Buffer.from(value);
  bytes.copy(memory.bytes);
  return lsetxattrat(AT.FDCWD, path, name, memory.address, bytes.length, 0);
}

function xattr(path: string, name: string): string | number {
  const value = getXattr(AT.FDCWD, path, name);
  return typeof value === 'number' ? value : value.toString('latin1');
}

describe.skipIf(!isRoot)('copyAttributes', () => {
  test('owner first, then mode, so that set-id bits stay; times to the nanosecond', () => {
    const t = makeUnion([['rw', { b: '' }], ['ro', { a: { text: '', uid: 11, gid: 12, mode: 0o6755 } }]]);
    execFileSync('touch', ['-d', '2001-02-03 04:05:06.123456789', t.on(1, 'a')]);
    const st = new Stat();
    statat(AT.FDCWD, t.on(1, 'a'), st);
    const [from, to] = [openSync(t.on(1, 'a'), 'r'), openSync(t.on(0, 'b'), 'r+')];
    copyAttributes(t.u, st, { fd: from, name: '' }, { fd: to, name: '' }, t.u.branches[0]);
    closeSync(from);
    closeSync(to);
    const copy = new Stat();
    statat(AT.FDCWD, t.on(0, 'b'), copy);
    expect([copy.uid, copy.gid, copy.mode & 0o7777]).toEqual([11, 12, 0o6755]);
    expect([copy.mtime, copy.mtimeNsec, copy.atime, copy.atimeNsec]).toEqual(
      [st.mtime, 123456789, st.atime, st.atimeNsec]);
  });

  test('times before 1970', () => {
    const path = scratch();
    writeFileSync(join(path, 'a'), '');
    writeFileSync(join(path, 'b'), '');
    execFileSync('touch', ['-a', '-d', '@-1000.5', join(path, 'a')]);
    execFileSync('touch', ['-m', '-d', '@-2000.25', join(path, 'a')]);
    const [st, copy] = [new Stat(), new Stat()];
    statat(AT.FDCWD, join(path, 'a'), st);
    const fd = openSync(path, 'r');
    copyTimes(st, { fd, name: 'b' });
    closeSync(fd);
    statat(AT.FDCWD, join(path, 'b'), copy);
    expect([copy.atime, copy.atimeNsec, copy.mtime, copy.mtimeNsec]).toEqual([-1001, 500_000_000, -2001, 750_000_000]);
  });
});

describe.skipIf(!isRoot)('extended attributes and ACLs', () => {
  test('go with a copy-up', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': 'A' }]], { on: DISK });
    for (const path of ['d', 'd/a']) {
      setXattr(t.on(1, path), 'user.x', 'value of x');
      setXattr(t.on(1, path), 'trusted.y', 'y\0y');
      setXattr(t.on(1, path), 'user.empty', '');
    }
    t.chmod('d/a', 0o600);
    for (const path of ['d', 'd/a']) {
      expect(xattr(t.on(0, path), 'user.x')).toBe('value of x');
      expect(xattr(t.on(0, path), 'trusted.y')).toBe('y\0y');
      expect(xattr(t.on(0, path), 'user.empty')).toBe('');
    }
  });

  test('an ACL and the mode it stands for', () => {
    // version 2; user::rw-, user:1000:r--, group::---, mask::r--, other::---
    const acl = Buffer.from('0200000001000600ffffffff02000400e803000004000000ffffffff10000400ffffffff20000000ffffffff', 'hex');
    const t = makeUnion([['rw'], ['ro', { a: 'A' }]], { on: DISK });
    expect(setXattr(t.on(1, 'a'), 'system.posix_acl_access', acl)).toBe(0);
    const mode = lstatSync(t.on(1, 'a')).mode;
    t.set('a', { mtime: 5 });
    expect(lstatSync(t.on(0, 'a')).mode).toBe(mode);
    expect(xattr(t.on(0, 'a'), 'system.posix_acl_access')).toBe(acl.toString('latin1'));
  });

  test('file capabilities survive the change of owner', () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const t = makeUnion([['rw'], ['ro', { a: { text: '', uid: 9, mode: 0o755 } }]], { on: DISK });
    expect(setXattr(t.on(1, 'a'), 'security.capability', capability)).toBe(0);
    t.set('a', { mtime: 5 });
    expect(xattr(t.on(0, 'a'), 'security.capability')).toBe(capability.toString('latin1'));
  });

  test('of a symlink', () => {
    const t = makeUnion([['rw'], ['ro']], { on: DISK });
    symlinkSync('to', t.on(1, 'l'));
    expect(setXattr(t.on(1, 'l'), 'trusted.x', 'x')).toBe(0);
    t.set('l', { uid: 1 });
    expect(xattr(t.on(0, 'l'), 'trusted.x')).toBe('x');
  });

  // ext4 holds about 4 kB of attributes an inode, tmpfs more.
  test('what cannot be carried fails the copy-up, unless icex says otherwise', () => {
    for (const [text, expected] of [['rw', 'ENOSPC'], ['rw+icex', 'success']] as const) {
      const t = makeUnion([[text, {}, scratch(DISK)], ['ro', { a: 'A' }, scratch(MEMORY)]]);
      const set = setXattr(t.on(1, 'a'), 'trusted.big', Buffer.alloc(20_000, 'x'));
      expect(set).toBe(0);
      expect(failure(() => t.chmod('a', 0o600))).toBe(expected);
      expect(t.names(0)).toEqual(expected === 'success' ? ['a'] : []);
      expect(t.leftovers(0)).toEqual([]);
      if (expected === 'success') expect(statSync(t.on(0, 'a')).mode & 0o777).toBe(0o600);
    }
  });
});
