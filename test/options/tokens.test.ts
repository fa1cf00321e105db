import { describe, expect, test } from 'vitest';
import { escape, splitUnescaped, tokenise, unescape } from '../../src/options/tokens.js';

function pairs(text: string): [string, string | undefined][] {
  return tokenise(text).map(({ name, value }) => [name, value]);
}

describe('tokenise', () => {
  test.each<[string, [string, string | undefined][]]>([
    ['', []],
    [',,', []],
    ['a,b=c', [['a', undefined], ['b', 'c']]],
    [' a , b=c ', [['a', undefined], ['b', 'c']]],
    ['br:/x:/y=rw', [['br', '/x:/y=rw']]],
    ['br=/x=rw:/y=ro', [['br', '/x=rw:/y=ro']]],
    ['dirs=/x:/y', [['dirs', '/x:/y']]],
    ['add:1:/x=ro,del=/y', [['add', '1:/x=ro'], ['del', '/y']]],
    ['create=mfs:30', [['create', 'mfs:30']]],
    ['x-systemd.requires:a=b', [['x-systemd.requires:a', 'b']]],
    ['x-foo:bar', [['x-foo:bar', undefined]]],
    ['br=/a\\,b:/c', [['br', '/a\\,b:/c']]],
    ['br="/a,b:/c",ro', [['br', '/a\\,b:/c'], ['ro', undefined]]],
    ['br=/a\\nb', [['br', '/a\\nb']]],
    ['xino=', [['xino', '']]],
  ])('%j', (text, expected) => {
    expect(pairs(text)).toEqual(expected);
  });

  test('an open quote is refused', () => {
    expect(() => tokenise('br="/a,b')).toThrow('double quote');
  });
});

describe('escapes', () => {
  test.each(['/a', '/a,b', '/a:b=c', '/a\\b', '/a\\,b', '/ends\\', '/é ü'])('%j comes back', (path) => {
    expect(splitUnescaped(escape(path), ':').map(unescape)).toEqual([path]);
  });

  test('only an unescaped separator splits', () => {
    expect(splitUnescaped('a\\:b:c::', ':')).toEqual(['a\\:b', 'c', '', '']);
  });
});
