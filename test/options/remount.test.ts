import { describe, expect, test } from 'vitest';
import { branchMode } from '../../src/options/branch.js';
import { isRemount, parseRemountOptions, type RemountStep } from '../../src/options/remount.js';

const spec = (path: string, perm: 'rw' | 'ro'): { path: string } & ReturnType<typeof branchMode> => ({ path, ...branchMode(perm) });

function steps(text: string, readonly = false): RemountStep[] {
  return parseRemountOptions([text], { readonly, branches: ['/a', '/b', '/c'] }, '/nowhere').steps;
}

describe('remount options, left to right', () => {
  test.each<[string, RemountStep[]]>([
    ['remount', []],
    ['append:/x', [{ kind: 'change', change: { kind: 'add', index: Infinity, branch: spec('/x', 'ro') } }]],
    ['append=/x=ro', [{ kind: 'change', change: { kind: 'add', index: Infinity, branch: spec('/x', 'ro') } }]],
    ['prepend:/x', [{ kind: 'change', change: { kind: 'add', index: 0, branch: spec('/x', 'rw') } }]],
    ['ro,prepend:/x', [
      { kind: 'mount', set: { readonly: true } },
      { kind: 'change', change: { kind: 'add', index: 0, branch: spec('/x', 'ro') } },
    ]],
    ['add:1:/x=rw', [{ kind: 'change', change: { kind: 'add', index: 1, branch: spec('/x', 'rw') } }]],
    ['ins=1:x', [{ kind: 'change', change: { kind: 'add', index: 1, branch: spec('/nowhere/x', 'ro') } }]],
    ['del=/x', [{ kind: 'change', change: { kind: 'del', path: '/x' } }]],
    ['del:y/../x', [{ kind: 'change', change: { kind: 'del', path: '/nowhere/x' } }]],
    ['mod=/x=ro', [{ kind: 'change', change: { kind: 'mod', path: '/x', mode: branchMode('ro') } }]],
    ['prepend=/y=rw,udba=none,mod=/x=ro', [
      { kind: 'change', change: { kind: 'add', index: 0, branch: spec('/y', 'rw') } },
      { kind: 'union', set: { udba: 'none' } },
      { kind: 'change', change: { kind: 'mod', path: '/x', mode: branchMode('ro') } },
    ]],
    ['itrunc_xino=2', [{ kind: 'action', action: 'trunc_xino', branch: 2 }]],
    ['trunc_xino_path=/x', [{ kind: 'action', action: 'trunc_xino', branch: '/x' }]],
    ['trunc_xino=x', [{ kind: 'action', action: 'trunc_xino', branch: '/nowhere/x' }]],
    ['trunc_xino', [{ kind: 'union', set: { truncXino: true } }]],
    ['clean_plink', [{ kind: 'action', action: 'clean_plink' }]],
    ['xino=x', [{ kind: 'union', set: { xino: '/nowhere/x' } }]],
  ])('%s', (text, expected) => {
    expect(steps(text)).toEqual(expected);
  });

  test('on top of a union that is read-only the default is ro', () => {
    expect(steps('prepend:/x', true)).toEqual([
      { kind: 'change', change: { kind: 'add', index: 0, branch: spec('/x', 'ro') } },
    ]);
  });

  test.each(['br=/a:/b', 'br:/a=rw:/b=ro:/c', 'dirs=/c', 'lowerdir=/b:/c,upperdir=/a'])(
    '%s: what /etc/fstab has, repeated by mount(8), is there already', (text) => {
      expect(steps(`rw,${text},udba=none,remount`)).toEqual([
        { kind: 'mount', set: { readonly: false } }, { kind: 'union', set: { udba: 'none' } },
      ]);
    });

  test.each(['br=/x', 'br=/b:/a', 'br=/a:/a', 'br=/a:/b:/c:/d'])('%s is refused', (text) => {
    expect(() => steps(text)).toThrow('br= is for a new mount');
  });

  test.each(['add:/x', 'add:-1:/x', 'add:x:/x', 'add:1:', 'ins=1', 'append', 'append:', 'append:=ro', 'prepend=', 'del', 'del=',
    'mod:/x', 'mod=/x=', 'mod=', 'itrunc_xino=x', 'udba=often', 'create=zz', 'cpup=zz', 'diropq=z', 'dirwh=-1', 'xino', 'foo', 'remount=1',
    'append=/x,foo', 'droplvl=4'])('%s is refused with one line', (text) => {
    expect(() => steps(text)).toThrow(/^[^\n]+$/);
  });

  test('an option says that it is a remount', () => {
    expect(isRemount(['append=/x', 'rw,remount'])).toBe(true);
    expect(isRemount(['br=/remount:/remount,ro'])).toBe(false);
  });

  test('tuning options are said', () => {
    expect(parseRemountOptions(['rdblk=def'], { readonly: false, branches: [] }, '/')).toEqual({ steps: [], warnings: [expect.stringContaining('no effect')] });
  });
});
