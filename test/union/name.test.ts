import { describe, expect, test } from 'vitest';
import { NAME_LONGEST, checkName, decodeName, encodePath, isReserved } from '../../src/union/name.js';
import { failure, makeUnion, useUnions } from './helpers.js';

describe('checkName', () => {
  test('takes names of up to 242 bytes', () => {
    expect(NAME_LONGEST).toBe(242);
    expect(failure(() => checkName('n'.repeat(242)))).toBe('success');
    expect(failure(() => checkName('n'.repeat(243)))).toBe('ENAMETOOLONG');
  });

  test('refuses the names that are AUFS\'s own', () => {
    for (const name of ['.wh.', '.wh.x', '.wh..wh.aufs', '.wh..wh..opq']) {
      expect(failure(() => checkName(name))).toBe('EPERM');
      expect(isReserved(name)).toBe(true);
    }
    for (const name of ['.wh', '.whx', 'wh.x', '.w', 'x.wh.x', '...', '.WH.x']) {
      expect(failure(() => checkName(name))).toBe('success');
      expect(isReserved(name)).toBe(false);
    }
  });

  test('refuses what leads elsewhere', () => {
    for (const name of ['', '.', '..', '/', 'a/b', '../a', '/etc']) expect(failure(() => checkName(name))).toBe('EINVAL');
  });
});

test('paths are bytes', () => {
  expect(encodePath('/ä')).toBe('/\xc3\xa4');
  expect(decodeName('\xc3\xa4')).toBe('ä');
});

describe('in every operation', () => {
  useUnions();
  const longest = 'n'.repeat(242);
  const tooLong = 'n'.repeat(243);

  test('a name of 242 bytes is made, copied up, renamed, hidden and made again', () => {
    const t = makeUnion([['rw'], ['ro', { [longest]: 'low', [`d/${longest}`]: 'low' }]]);
    t.write(longest, 'new');
    expect(t.read(longest)).toBe('new');
    t.unlink(longest);
    expect(t.names(0)).toEqual([`.wh.${longest}`]);
    t.make(longest, 'again');
    t.rename(longest, `d/${'m'.repeat(242)}`);
    t.unlink(`d/${longest}`);
    expect(t.ls('d')).toEqual(['m'.repeat(242)]);
  });

  for (const [name, code] of [[tooLong, 'ENAMETOOLONG'], ['.wh.x', 'EPERM'], ['.wh..wh.aufs', 'EPERM']] as const) {
    test(`${name.slice(0, 12)} (${String(name.length)} bytes) is ${code}`, () => {
      const t = makeUnion([['rw', { 'a': 'A', 'd': null, '.wh.x': '' }], ['ro', { x: 'X' }]]);
      const { union, root } = t;
      const out = t.stat('a');
      const a = t.walk('a');
      expect(failure(() => union.lookup(root, name, out))).toBe(code);
      expect(failure(() => union.create(root, name, 2, 0o644, out))).toBe(code);
      expect(failure(() => union.mkdir(root, name, 0o755, out))).toBe(code);
      expect(failure(() => union.mknod(root, name, 0o100644, 0, 0, out))).toBe(code);
      expect(failure(() => union.symlink(root, name, 'to', out))).toBe(code);
      expect(failure(() => union.unlink(root, name))).toBe(code);
      expect(failure(() => union.rmdir(root, name))).toBe(code);
      expect(failure(() => union.rename(root, 'a', root, name, 0))).toBe(code);
      expect(failure(() => union.rename(root, name, root, 'b', 0))).toBe(code);
      expect(failure(() => union.link(a, root, name, out))).toBe(code);
      expect(t.names(0)).toEqual(['.wh.x', 'a', 'd/']);
    });
  }

  test('names that are not UTF-8 keep their bytes', () => {
    const odd = '\xff\xfe\x80 \n*';
    const t = makeUnion([['rw'], ['ro', { [`${odd}/${odd}`]: 'low' }]]);
    expect(t.ls()).toEqual([odd]);
    t.write(`${odd}/${odd}`, 'new');
    expect(t.names(0)).toEqual([`${odd}/`, `${odd}/${odd}`]);
    t.unlink(`${odd}/${odd}`);
    expect(t.names(0)).toEqual([`${odd}/`, `${odd}/.wh.${odd}`]);
    t.symlink('link', `to ${odd}`);
    expect(t.readlink('link')).toBe(`to ${odd}`);
  });
});
