// Whatever stands behind -o is understood, or refused in one line.
import { expect, test } from 'vitest';
import { OptionError } from '../../src/options/error.js';
import { formatBranches, formatOptions } from '../../src/options/format.js';
import { type ParsedMount, parseMountOptions } from '../../src/options/mount.js';
import { parseRemountOptions } from '../../src/options/remount.js';
import { roundsOf, seeds, timeFor } from './bounds.js';
import { Random } from './random.js';

const words = [
  'br', 'dirs', 'add', 'ins', 'append', 'prepend', 'del', 'mod', 'xino', 'noxino', 'create', 'cpup', 'udba', 'diropq', 'dirwh', 'plink', 'noplink', 'sum', 'wsum',
  'dirren', 'shwh', 'dirperm1', 'nodirperm1', 'dio', 'acl', 'noacl', 'warn_perm', 'ro', 'rw', 'suid', 'nosuid', 'noatime', 'relatime', 'allow_other', 'remount', 'droplvl',
  'lowerdir', 'upperdir', 'workdir', 'fsname', 'rdblk', 'trunc_xino', 'itrunc_xino', 'x-systemd.a', 'comment', 'constructor', '__proto__', 'toString', 'hasOwnProperty',
];
const values = [
  '/a', '/b', '/c d', '/a,b', '/a:b', '/a=b', '/ü', '/a\\', '.', '..', '', '/', 'rw', 'ro', 'rr', 'ro+wh', 'rw+nolwh', 'rw+icexsec+icexusr', 'rw+coo_reg+moo', 'ro+',
  'mfs', 'mfsrr:10:5', 'pmfs:3600', 'tdp', 'rr', 'bu', 'none', 'notify', 'w', 'a', '0', '1', '-1', '999999999', '99999999999999999999', 'def', 'constructor', '__proto__',
];
const marks = [',', ':', '=', '=', ':', ',', '\\', '"', '+', ' ', '\n', '\t', '\0', '\ud800', 'é', '\\,', '\\:', '\\='];

function sentence(random: Random): string {
  const parts: string[] = [];
  for (let i = 1 + random.below(4); i > 0; i--) {
    parts.push(random.once(2) ? 'br' : random.pick(words), random.pick(marks.slice(0, 6)));
    for (let j = 1 + random.below(3); j > 0; j--) parts.push(random.pick(values), random.pick(marks.slice(0, 5)), random.pick(values), ':');
    parts.push(random.once(5) ? random.pick(marks) : ',');
  }
  const text = parts.join('');
  return random.once(3) ? random.mutate(Buffer.from(text, 'utf8')).toString(random.once(2) ? 'utf8' : 'latin1') : text;
}

/** Null where the text is refused, as it may be. */
function parsed<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return null;
  }
}

function oneLineOrNothing(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    // The program prints `tsaufs: ` and this; what a user typed may itself have several lines, the printer joins them.
    expect(error).toBeInstanceOf(OptionError);
    expect((error as Error).message).not.toMatch(/undefined|\[object|NaN|function/);
  }
}

function written({ union, mount }: ParsedMount): string {
  return `${formatBranches(union)},${formatOptions(union, mount)}`;
}

const rounds = roundsOf(5000);

test.each(seeds([1, 2]))('options are parsed or refused, and what was parsed is written so that it can be parsed again (seed %i)', { timeout: timeFor(rounds) }, (seed) => {
  const random = new Random(seed);
  let good = 0;
  for (let round = 0; round < rounds; round++) {
    const text = random.once(50) ? random.bytes(random.below(60)).toString('latin1') : sentence(random);
    try {
      oneLineOrNothing(() => parseMountOptions([text], '/'));
      oneLineOrNothing(() => parseRemountOptions([text], { readonly: false, branches: ['/a', '/b'] }, '/'));
      const first = parsed(() => parseMountOptions([text], '/'));
      if (first === null) continue;
      good++;
      const again = parseMountOptions([written(first)], '/');
      expect(again.union).toEqual(first.union);
      expect(written(again)).toBe(written(first));
    } catch (error) {
      throw new Error(`${JSON.stringify(text)}: ${(error as Error).stack ?? ''}`);
    }
  }
  expect(good).toBeGreaterThan(rounds / 50);
});
