import { describe, expect, test } from 'vitest';
import { aufsOptionNames } from '../../src/options/aufs.js';
import { formatMode, parseMode } from '../../src/options/branch.js';
import { branchChangeNames } from '../../src/options/change.js';
import { genericOptionNames } from '../../src/options/generic.js';
import { optionSections } from '../../src/options/option-texts.js';
import { overlayOptionNames } from '../../src/options/overlay.js';
import { parseOptions } from '../../src/options/parse.js';
import { attributes, permissions } from '../../src/options/texts/branches.js';
import { overlayOptions } from '../../src/options/texts/overlay.js';
import { nameOf, wordOf, type OptionSection } from '../../src/options/texts/text.js';

const outsideOverlay = optionSections.filter((section) => section !== overlayOptions);

/** `udba=` and `plink`, as the parsers list them. */
function written(sections: readonly OptionSection[]): string[] {
  return sections.flatMap(({ options }) => options).flatMap(({ forms }) => forms)
    .map((form) => nameOf(form) + (form.includes('=') || form.includes(':') ? '=' : ''));
}

describe('what the parsers know is documented, and the other way round', () => {
  test('options of unions given by br=', () => {
    const known = ['br=', 'dirs=', ...branchChangeNames.map((name) => `${name}=`), ...aufsOptionNames, ...genericOptionNames];
    expect(written(outsideOverlay).toSorted()).toEqual([...new Set(known)].toSorted());
  });

  test('options of unions given by lowerdir=', () => {
    const names = written([overlayOptions]).map((name) => name.replace(/=$/, ''));
    expect([...new Set(names)].toSorted()).toEqual([...new Set(overlayOptionNames())].toSorted());
  });

  test('permissions and attributes', () => {
    const warnings: string[] = [];
    const all = attributes.map(({ form }) => form);
    for (const { form } of permissions) expect(formatMode(parseMode(form, (text) => warnings.push(text)))).toBe(form);
    for (const name of all) parseMode(`rw+${name}`, (text) => warnings.push(text));
    expect(warnings.filter((text) => text.includes('unknown'))).toEqual([]);
    // In the order in which they are printed: each is there that the parser can set.
    const printed = ['coo_reg', 'coo_all', 'unpin', 'fhsm', 'icex', 'icexsec', 'icexsys', 'icextr', 'icexusr', 'icexoth', 'wh', 'moo', 'nolwh'];
    expect(all.toSorted()).toEqual(printed.toSorted());
  });
});

const withValues = optionSections.flatMap((section) => section.options
  .filter(({ values }) => values !== undefined)
  .flatMap(({ forms, values }) => forms.filter((form) => form.includes('=')).map((form) => ({
    before: section === overlayOptions ? 'lowerdir=/a,' : '', name: nameOf(form), values: values!,
  }))));

describe.each(withValues)('values of $name=', ({ before, name, values }) => {
  const words = values.flatMap(({ form, also = [] }) => [form.replace(/\[.*\]/, '').replace('LOW', '1'), ...also]);

  test.each(words)('%s is one', (word) => {
    expect(() => parseOptions([`${before}${name}=${word}`], () => undefined)).not.toThrow();
  });

  test('another is refused, in a line that names those there are', () => {
    let message = '';
    try {
      parseOptions([`${before}${name}=bogus`], () => undefined);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(values.map(({ form }) => wordOf(form)).filter((word) => !message.includes(word))).toEqual([]);
  });
});
