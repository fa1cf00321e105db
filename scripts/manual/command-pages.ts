// tsaufs-mount(1) and its like: a page for each command, made from the registry and from what its parser tells.
import type { Argument, Command as Parser, Option } from 'commander';
import { isGroup, sections, type Command, type CommandGroup } from '../../src/cli/commands.js';
import { exitStatuses } from './common.js';
import { helpTextOf } from './help-text.js';
import type { Block, Page } from './roff.js';

export async function commandPages(): Promise<Page[]> {
  const entries = sections.flatMap(({ commands }) => commands).filter(({ name }) => name !== 'help');
  return Promise.all(entries.map((entry) => isGroup(entry) ? groupPage(entry) : commandPage(entry)));
}

async function commandPage(command: Command): Promise<Page> {
  const parser = (await command.load()).parser();
  const { notes, exitStatus, examples } = helpTextOf(parser);
  const aliases = (command.aliases ?? []).map((alias) => `tsaufs ${alias}`);
  return {
    name: `tsaufs-${command.name}`,
    section: 1,
    blocks: [
      ...head(`tsaufs-${command.name}`, command.summary),
      { kind: 'synopsis', lines: synopsis(command) },
      { kind: 'section', title: 'Description' },
      { kind: 'paragraph', text: command.summary },
      ...(aliases.length === 0 ? [] : [{ kind: 'paragraph' as const, text: `Also called as \`${aliases.join('`, `')}\`.` }]),
      ...notes,
      { kind: 'section', title: 'Options' },
      ...parser.registeredArguments.map(argument), ...options(parser),
      { kind: 'section', title: 'Exit status' },
      ...exitStatusBlocks(exitStatus),
      ...(examples.length === 0 ? [] : [{ kind: 'section' as const, title: 'Examples' }, ...examples]),
      ...seeAlso(command.name),
    ],
  };
}

async function groupPage(group: CommandGroup): Promise<Page> {
  const loaded = await Promise.all(group.commands.map(async (command) => ({ command, parser: (await command.load()).parser() })));
  const told = loaded.map(({ command, parser }) => ({ command, parser, text: helpTextOf(parser) }));
  const examples = told.flatMap(({ text }) => text.examples);
  return {
    name: `tsaufs-${group.name}`,
    section: 1,
    blocks: [
      ...head(`tsaufs-${group.name}`, group.summary),
      { kind: 'synopsis', lines: group.commands.flatMap((command) => synopsis(command, `${group.name} `)) },
      { kind: 'section', title: 'Description' },
      { kind: 'paragraph', text: group.summary },
      ...(group.notes === undefined ? [] : [{ kind: 'paragraph' as const, text: group.notes.replaceAll('\n', ' ') }]),
      { kind: 'section', title: 'Options' },
      ...told.flatMap(({ command, parser, text }): Block[] => [
        { kind: 'subsection', title: `tsaufs ${group.name} ${command.name}` },
        { kind: 'paragraph', text: command.summary },
        ...text.notes, ...parser.registeredArguments.map(argument), ...options(parser),
        ...(text.exitStatus === undefined ? [] : [{ kind: 'paragraph' as const, text: `Exit status: ${text.exitStatus}` }]),
      ]),
      { kind: 'section', title: 'Exit status' },
      ...exitStatusBlocks(undefined),
      ...(examples.length === 0 ? [] : [{ kind: 'section' as const, title: 'Examples' }, ...examples]),
      ...seeAlso(group.name),
    ],
  };
}

function head(name: string, summary: string): Block[] {
  const first = summary.split(/[.:;] |\.$/)[0];
  return [
    { kind: 'section', title: 'Name' },
    { kind: 'paragraph', text: `${name} - ${first.charAt(0).toLowerCase()}${first.slice(1)}` },
    { kind: 'section', title: 'Synopsis' },
  ];
}

export function synopsis({ name, usage }: Command, before = ''): string[] {
  return usage.map((line) => `tsaufs ${before}${name} ${line}`.trim());
}

function argument(it: Argument): Block {
  return { kind: 'item', forms: [it.name().toUpperCase() + (it.variadic ? '…' : '')], text: sentence(it.description) };
}

function options(parser: Parser): Block[] {
  return [...parser.options.filter(({ hidden }) => !hidden).map(option), { kind: 'item', forms: ['-h', '--help'], text: 'Show a help text.' }];
}

function option(it: Option): Block {
  const forms = it.flags.replace(/<([^>]+)>/g, (_, name: string) => name.toUpperCase()).split(', ');
  return { kind: 'item', forms, text: sentence(it.description) + defaultText(it) };
}

function defaultText({ defaultValue, defaultValueDescription }: Option): string {
  const text = defaultValueDescription ?? (typeof defaultValue === 'string' ? defaultValue : undefined);
  return text === undefined ? '' : ` The default is ${text}.`;
}

/** What begins with something to be typed, such as `br=`, begins so. */
function sentence(text: string): string {
  const first = /^[a-z]+(?![\w=/-])/.test(text) ? text.charAt(0).toUpperCase() : text.charAt(0);
  return `${first}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Said by the command itself where it has more to say. */
function exitStatusBlocks(own: string | undefined): Block[] {
  return own === undefined ? exitStatuses : [{ kind: 'paragraph', text: sentence(own) }];
}

function seeAlso(name: string): Block[] {
  const others = name === 'mount' || name === 'remount' || name === 'umount' ? ', mount(8), umount(8)' : '';
  return [
    { kind: 'section', title: 'See also' },
    { kind: 'paragraph', text: `tsaufs(1), tsaufs(5)${others}` },
  ];
}
