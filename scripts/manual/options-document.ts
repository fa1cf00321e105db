// docs/options.md: the table of mount options as Markdown.
import { optionSections } from '../../src/options/option-texts.js';
import { attributes, branchFormat, permissions } from '../../src/options/texts/branches.js';
import { textOf, type OptionSection, type OptionText, type ValueText } from '../../src/options/texts/text.js';

export function optionsDocument(): string {
  return [
    '<!-- Made from src/options/texts by `npm run docs:options`. -->',
    '# Mount options',
    'What follows `-o` of [`tsaufs mount`](usage.md#tsaufs-mount) and [`tsaufs remount`](usage.md#tsaufs-remount), separated by commas; the ' +
      'same as in tsaufs(5). An option that is not here is an error. What is the same as in kernel AUFS, and what is not, is told in ' +
      '[aufs-compatibility.md](aufs-compatibility.md).',
    '## Branch',
    ...branchFormat,
    table('permission', permissions),
    table('attribute', attributes),
    ...optionSections.flatMap(section),
  ].join('\n\n') + '\n';
}

function section({ title, intro, options }: OptionSection): string[] {
  return [`## ${title}`, ...(intro === undefined ? [] : [intro]), `| option | |\n|---|---|\n${options.map(row).join('\n')}`];
}

function row({ forms, text, values }: OptionText): string {
  const told = values === undefined ? text : `${text}${values.map((value) => `<br>${valueText(value)}`).join('')}`;
  return `| ${forms.map(code).join(', ')} | ${told.replaceAll('|', '\\|')} |`;
}

function valueText({ form, also = [], text, isDefault }: ValueText): string {
  return `${[form, ...also].map(code).join(', ')}${isDefault ? ' (default)' : ''}: ${text}`;
}

function table(head: string, values: readonly ValueText[]): string {
  return `| ${head} | |\n|---|---|\n${values.map((value) => `| ${code(value.form)} | ${textOf(value)} |`).join('\n')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
