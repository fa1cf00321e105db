import { expect, test } from 'vitest';
import { parseOptions } from '../../src/options/parse.js';
import { didYouMean } from '../../src/options/similar.js';

test.each([
  ['mout', '; did you mean mount?'],
  ['mouunt', '; did you mean mount?'],
  ['monut', '; did you mean mount?'],
  ['unmuont', '; did you mean umount?'],
  ['frobnicate', ''],
  ['li', ''],
])('%s%s', (written, hint) => {
  expect(didYouMean(written, ['mount', 'umount', 'list'])).toBe(hint);
});

test.each([
  ['udab=none', 'unknown mount option "udab=none"; did you mean udba=?; see tsaufs(5) for those there are'],
  ['nopllink', 'unknown mount option "nopllink"; did you mean noplink?; see tsaufs(5) for those there are'],
  ['plink=1', 'unknown mount option "plink=1"; it takes no value: plink; see tsaufs(5) for those there are'],
  ['fsname', 'unknown mount option "fsname"; it needs a value: fsname=…; see tsaufs(5) for those there are'],
  ['udba', 'mount option "udba" needs a value: udba=…; see tsaufs(5)'],
  ['frobnicate=7', 'unknown mount option "frobnicate=7"; see tsaufs(5) for those there are'],
])('-o %s', (option, message) => {
  expect(() => parseOptions([option], () => undefined)).toThrow(message);
});
