import { describe, expect, test } from 'vitest';
import { formatBranch, formatBranchOption, parseBranch, parseBranches, parseMode } from '../../src/options/branch.js';

function mode(text: string): { mode: ReturnType<typeof parseMode>; warnings: string[] } {
  const warnings: string[] = [];
  return { mode: parseMode(text, (message) => warnings.push(message)), warnings };
}

const quiet = (message: string): never => {
  throw new Error(`unexpected warning: ${message}`);
};

describe('permission and attributes, printed back', () => {
  test.each([
    ['rw', 'rw'],
    ['ro', 'ro'],
    ['rr', 'rr'],
    ['ro+wh', 'ro+wh'],
    ['rr+wh', 'rr+wh'],
    ['rw+nolwh', 'rw+nolwh'],
    ['rw+moo', 'rw+moo'],
    ['ro+coo_reg', 'ro+coo_reg'],
    ['rw+coo_all', 'rw+coo_all'],
    ['rw+coo_all+coo_reg', 'rw+coo_reg'],
    ['rw+coo_reg+moo', 'rw+moo'],
    ['rw+moo+coo_all', 'rw+coo_all'],
    ['rw+fhsm', 'rw+fhsm'],
    ['rw+icex', 'rw+icex'],
    ['rw+icextr+icexsec', 'rw+icexsec+icextr'],
    ['ro+icexsys+icexusr+icexoth+icexsec+icextr', 'ro+icex'],
    ['ro+wh+coo_reg', 'ro+coo_reg+wh'],
    ['rw+nolwh+moo+fhsm', 'rw+fhsm+moo+nolwh'],
  ])('%s', (text, expected) => {
    const parsed = mode(text);
    expect(parsed.warnings).toEqual([]);
    expect(formatBranch({ path: '/p', ...parsed.mode })).toBe(`/p=${expected}`);
  });
});

describe('what AUFS ignores, with a warning', () => {
  test.each([
    ['bogus', 'ro', 'bogus'],
    ['bogus+wh', 'ro', 'bogus+wh'],
    ['RW', 'ro', 'RW'],
    ['rw+bogus', 'rw', 'bogus'],
    ['rw+', 'rw', 'attribute'],
    ['rw+bogus+nolwh', 'rw', 'bogus+nolwh'],
    ['rw+nolwh+bogus', 'rw+nolwh', 'bogus'],
    ['rw+wh', 'rw', 'read-only branches'],
    ['ro+nolwh', 'ro', 'writable branches'],
    ['rr+moo', 'rr', 'writable branches'],
    ['rw+unpin', 'rw', 'never pinned'],
  ])('%s is %s', (text, expected, warning) => {
    const parsed = mode(text);
    expect(formatBranch({ path: '/p', ...parsed.mode })).toBe(`/p=${expected}`);
    expect(parsed.warnings).toHaveLength(1);
    expect(parsed.warnings[0]).toContain(warning);
  });
});

describe('branch lists', () => {
  test('without permissions', () => {
    expect(parseBranches('/a:b:', quiet)).toEqual([{ path: '/a', mode: undefined }, { path: 'b', mode: undefined }]);
  });

  test('an empty permission is none', () => {
    expect(parseBranch('/a=', quiet)).toEqual({ path: '/a', mode: undefined });
  });

  test('the last = counts', () => {
    expect(parseBranch('/a=b=ro', quiet)).toMatchObject({ path: '/a=b', mode: { perm: 'ro' } });
  });

  test('escaped characters belong to the path', () => {
    expect(parseBranches('/a\\:b\\=c=ro:/d\\,e', quiet)).toMatchObject([{ path: '/a:b=c' }, { path: '/d,e' }]);
  });

  test.each(['', ':', '/a::/b', '=rw', ':/a'])('%j is refused', (text) => {
    expect(() => parseBranches(text, quiet)).toThrow('a branch has no path');
  });

  test('as an option a branch can be parsed again', () => {
    const [branch] = parseBranches('/a\\:b\\,c\\\\=ro+wh', quiet);
    const text = formatBranchOption({ path: branch.path, ...branch.mode! });
    expect(parseBranches(text, quiet)).toEqual([branch]);
  });
});
