import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { allocate } from '../../src/posix/memory.js';
import * as xattr from '../../src/posix/xattr.js';
import { XATTR } from '../../src/posix/xattr.js';
import { isRoot, onEachFileSystem } from './scratch.js';

const memory = allocate(65536);

/** The tests of src/posix/xattr.ts, run with and without the system calls of later kernels. */
export function describeXattr(kernel: string): void {
  onEachFileSystem(`xattr, ${kernel}`, (scratch) => {
    const at = (name: string): string => join(scratch.path, name);

    function set(name: string, attribute: string, text: string, flags = 0): number {
      const size = memory.bytes.write(text, 'latin1');
      return xattr.lsetxattrat(scratch.fd, name, attribute, memory.address, size, flags);
    }

    function get(name: string, attribute: string): string | number {
      const length = xattr.lgetxattrat(scratch.fd, name, attribute, memory.address, memory.length);
      return length < 0 ? length : memory.bytes.toString('latin1', 0, length);
    }

    test('set, get, list and remove by name', () => {
      writeFileSync(at('f'), '');
      expect(set('f', 'user.a', 'one\0\xff')).toBe(0);
      expect(get('f', 'user.a')).toBe('one\0\xff');
      expect(xattr.lgetxattrat(scratch.fd, 'f', 'user.a', 0, 0)).toBe(5);
      expect(set('f', 'user.a', 'two')).toBe(0);
      expect(get('f', 'user.a')).toBe('two');
      expect(set('f', 'user.empty', '')).toBe(0);
      expect(get('f', 'user.empty')).toBe('');
      expect([...(xattr.listXattr(scratch.fd, 'f') as string[])].sort()).toEqual(['user.a', 'user.empty']);
      expect(xattr.llistxattrat(scratch.fd, 'f', 0, 0)).toBe('user.a user.empty '.length);
      expect(xattr.lremovexattrat(scratch.fd, 'f', 'user.a')).toBe(0);
      expect(xattr.listXattr(scratch.fd, 'f')).toEqual(['user.empty']);
    });

    test('errors', () => {
      writeFileSync(at('f'), '');
      set('f', 'user.a', 'value');
      expect(get('f', 'user.none')).toBe(-E.ENODATA);
      expect(get('f', 'nonsense')).toBe(-E.EOPNOTSUPP);
      expect(get('none', 'user.a')).toBe(-E.ENOENT);
      expect(get('', 'user.a')).toBe(-E.ENOENT);
      expect(get('f\0', 'user.a')).toBe(-E.EINVAL);
      expect(get('f', 'user.\0')).toBe(-E.EINVAL);
      expect(get('f', `user.${'x'.repeat(251)}`)).toBe(-E.ERANGE);
      expect(get('x'.repeat(5000), 'user.a')).toBe(-E.ENAMETOOLONG);
      expect(xattr.lgetxattrat(scratch.fd, 'f', 'user.a', memory.address, 4)).toBe(-E.ERANGE);
      expect(xattr.llistxattrat(scratch.fd, 'f', memory.address, 3)).toBe(-E.ERANGE);
      expect(set('f', 'user.a', '', XATTR.CREATE)).toBe(-E.EEXIST);
      expect(set('f', 'user.b', '', XATTR.REPLACE)).toBe(-E.ENODATA);
      expect(xattr.lremovexattrat(scratch.fd, 'f', 'user.b')).toBe(-E.ENODATA);
      expect(xattr.lremovexattrat(scratch.fd, 'none', 'user.b')).toBe(-E.ENOENT);
      expect(xattr.llistxattrat(scratch.fd, 'none', 0, 0)).toBe(-E.ENOENT);
      expect(set('none', 'user.a', '')).toBe(-E.ENOENT);
    });

    test('directories and names that are not UTF-8', () => {
      mkdirSync(at('d'));
      close(openat(scratch.fd, 'd/\xfe', O.CREAT | O.WRONLY, 0o600));
      expect(set('d/\xfe', 'user.a', 'v')).toBe(0);
      expect(get('d/\xfe', 'user.a')).toBe('v');
      expect(set('d', 'user.d', 'w')).toBe(0);
      expect(xattr.getXattr(scratch.fd, 'd', 'user.d')).toEqual(Buffer.from('w'));
      expect(xattr.getXattr(-100, at('d'), 'user.d')).toEqual(Buffer.from('w'));
      expect(xattr.getXattr(scratch.fd, at('d'), 'user.d')).toEqual(Buffer.from('w'));
    });

    test('getXattr gives memory of its own', () => {
      writeFileSync(at('f'), '');
      set('f', 'user.a', 'first');
      set('f', 'user.b', 'second');
      const first = xattr.getXattr(scratch.fd, 'f', 'user.a');
      expect(xattr.getXattr(scratch.fd, 'f', 'user.b')).toEqual(Buffer.from('second'));
      expect(first).toEqual(Buffer.from('first'));
      expect(xattr.getXattr(scratch.fd, 'f', 'user.none')).toBe(-E.ENODATA);
      expect(xattr.listXattr(scratch.fd, 'none')).toBe(-E.ENOENT);
    });

    describe('symbolic links', () => {
      test('user attributes are not for them, nor are those of the target seen', () => {
        writeFileSync(at('f'), '');
        symlinkSync('f', at('l'));
        set('f', 'user.a', 'target');
        expect(set('l', 'user.a', 'x')).toBe(-E.EPERM);
        expect(xattr.listXattr(scratch.fd, 'l')).toEqual([]);
        expect(get('f', 'user.a')).toBe('target');
      });

      test.skipIf(!isRoot)('trusted attributes of the link itself, by name and by descriptor', () => {
        writeFileSync(at('f'), '');
        symlinkSync('f', at('l'));
        expect(set('l', 'trusted.a', 'link')).toBe(0);
        expect(get('l', 'trusted.a')).toBe('link');
        expect(get('f', 'trusted.a')).toBe(-E.ENODATA);
        const fd = openat(scratch.fd, 'l', O.PATH | O.NOFOLLOW, 0);
        expect(xattr.fgetxattr(fd, 'trusted.a', memory.address, 100)).toBe(4);
        close(fd);
        expect(xattr.lremovexattrat(scratch.fd, 'l', 'trusted.a')).toBe(0);
        expect(get('l', 'trusted.a')).toBe(-E.ENODATA);
      });
    });

    test.each([['an ordinary descriptor', O.RDONLY], ['an O_PATH descriptor', O.PATH]])('%s', (_, flags) => {
      writeFileSync(at('f'), '');
      const fd = openat(scratch.fd, 'f', flags, 0);
      memory.bytes.write('value');
      expect(xattr.fsetxattr(fd, 'user.a', memory.address, 5, 0)).toBe(0);
      expect(xattr.fsetxattr(fd, 'user.a', memory.address, 5, XATTR.CREATE)).toBe(-E.EEXIST);
      expect(get('f', 'user.a')).toBe('value');
      memory.bytes.fill(0);
      expect(xattr.fgetxattr(fd, 'user.a', memory.address, 100)).toBe(5);
      expect(memory.bytes.toString('latin1', 0, 5)).toBe('value');
      expect(xattr.flistxattr(fd, memory.address, 100)).toBe(7);
      expect(memory.bytes.toString('latin1', 0, 7)).toBe('user.a\0');
      expect(xattr.fremovexattr(fd, 'user.a')).toBe(0);
      expect(xattr.fgetxattr(fd, 'user.a', memory.address, 100)).toBe(-E.ENODATA);
      expect(xattr.fremovexattr(fd, 'user.a')).toBe(-E.ENODATA);
      close(fd);
    });

    test('no descriptor', () => {
      expect(xattr.fgetxattr(12345, 'user.a', 0, 0)).toBe(-E.EBADF);
      expect(xattr.fsetxattr(12345, 'user.a', 0, 0, 0)).toBe(-E.EBADF);
      expect(xattr.flistxattr(12345, 0, 0)).toBe(-E.EBADF);
      expect(xattr.fremovexattr(12345, 'user.a')).toBe(-E.EBADF);
      expect(readdirSync(scratch.path)).toEqual([]);
    });
  });
}
