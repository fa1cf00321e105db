// The table of mount options as blocks of a manual page.
import { optionSections } from '../../src/options/option-texts.js';
import { attributes, branchFormat, permissions } from '../../src/options/texts/branches.js';
import { textOf, type OptionText, type ValueText } from '../../src/options/texts/text.js';
import type { Block } from './roff.js';

export function branchBlocks(): Block[] {
  return [
    { kind: 'section', title: 'Branches' },
    ...branchFormat.map((text): Block => ({ kind: 'paragraph', text })),
    { kind: 'subsection', title: 'Permissions' },
    ...permissions.map(valueItem),
    { kind: 'subsection', title: 'Attributes' },
    ...attributes.map(valueItem),
  ];
}

export function optionBlocks(): Block[] {
  return [
    { kind: 'section', title: 'Options' },
    ...optionSections.flatMap(({ title, intro, options }): Block[] => [
      { kind: 'subsection', title },
      ...(intro === undefined ? [] : [{ kind: 'paragraph' as const, text: intro }]),
      ...options.map(optionItem),
    ]),
  ];
}

function optionItem({ forms, text, values = [] }: OptionText): Block {
  return { kind: 'item', forms, text, inner: values.map(valueItem) };
}

function valueItem(value: ValueText): Block {
  const { form, also = [], isDefault } = value;
  return { kind: 'item', forms: [form, ...also], text: `${textOf(value)}${isDefault ? ' The default.' : ''}` };
}
