// What `tsaufs complete` reads: the options and arguments of all commands, and the mount options.
import type { Argument, Option } from 'commander';
import { commands, isGroup, type Command } from '../../src/cli/commands.js';
import type { CommandData, CompletionData, Kind, MountOptionData, Place } from '../../src/cli/completion/data.js';
import { traceKinds } from '../../src/inspect/trace-filter.js';
import { optionSections } from '../../src/options/option-texts.js';
import { attributes, permissions } from '../../src/options/texts/branches.js';
import { nameOf, wordOf, type OptionText, type ValueText } from '../../src/options/texts/text.js';

export async function completionData(): Promise<CompletionData> {
  const all = commands.flatMap((entry): [string, Command][] => isGroup(entry)
    ? entry.commands.map((command) => [`${entry.name} ${command.name}`, command]) : [[entry.name, entry]]);
  return {
    commands: Object.fromEntries(await Promise.all(all.map(async ([name, command]) => [name, await dataOf(name, command)] as const))),
    mountOptions: optionSections.flatMap(({ options }) => options).filter(isUseful).flatMap(mountOption),
    permissions: permissions.map(({ form, text }) => [form, text] as const),
    attributes: attributes.filter(({ text }) => !text.startsWith('Accepted')).map(({ form, text, of }) => [form, text, of ?? permissions.map((each) => each.form)] as const),
  };
}

async function dataOf(name: string, command: Command): Promise<CommandData> {
  const parser = (await command.load()).parser();
  return {
    options: parser.options.filter(({ hidden }) => !hidden).map((option) => ({
      names: [option.short, option.long].filter((each) => each !== undefined),
      text: option.description,
      ...(option.required || option.optional ? { value: placeOfOption(name, option) } : {}),
    })),
    arguments: parser.registeredArguments.map((argument) => placeOf(name, argument)),
    variadic: parser.registeredArguments.some(({ variadic }) => variadic),
  };
}

const words = (...all: string[]): Place => ({ kind: 'words', words: all });

/** By command and argument where the name of the argument does not tell. */
const places: Record<string, Kind | Place> = {
  'mount arguments': 'directory',
  'image mount mountpoint': 'directory',
  'docker mount mountpoint': 'directory',
  'image mount name': 'image',
  'image history name': 'image',
  'image export name': 'image',
  'image rm names': 'image',
  'image commit container': 'union',
  'tree directory': 'union-or-directory',
  'diff path': 'union-or-directory',
  'sync mountpoint': 'union-or-directory',
  'layer pack path': 'union-or-directory',
  'trace --path': 'none',
  'help command': 'command',
  'completion shell': words('bash', 'zsh', 'fish'),
  'plink action': words('list', 'cpup', 'flush'),
  'mount --adapter': words('auto', 'kernel', 'fuse-native'),
  'mount --types': words('fuse.tsaufs', 'aufs'),
  'image export --format': words('oci', 'docker'),
  'docker export --format': words('oci', 'docker'),
};

/** What a value or argument of such a name is, in any command. */
const kinds: Record<string, Kind | Place> = {
  options: 'mount-options',
  mountpoint: 'union',
  mountpoints: 'union',
  branch: 'branch',
  branches: 'branch-or-directory',
  dests: 'branch-or-directory',
  dir: 'directory',
  directory: 'directory',
  directories: 'directories',
  file: 'file',
  layer: 'file',
  path: 'file',
  paths: 'file',
  source: 'file',
  destination: 'file',
  when: words('always', 'never', 'auto'),
  kind: words('image', 'container'),
  kinds: { kind: 'word-list', words: traceKinds },
};

function placeOf(command: string, argument: Argument): Place {
  return asPlace(places[`${command} ${argument.name()}`] ?? kinds[argument.name()]);
}

function placeOfOption(command: string, { flags, long }: Option): Place {
  const name = /[<[]([^>\].]+)/.exec(flags)?.[1] ?? '';
  return asPlace(places[`${command} ${long ?? ''}`] ?? kinds[name]);
}

function asPlace(place: Kind | Place | undefined): Place {
  return typeof place === 'object' ? place : { kind: place ?? 'none' };
}

/** What is accepted without effect, or refused, need not be offered. */
function isUseful({ text }: OptionText): boolean {
  return !/^(Accepted|`off`|Refused|They |The table|The same; with|A directory full|Told by|AUFS ignores)/.test(text);
}

function mountOption({ forms, text, values = [] }: OptionText): MountOptionData[] {
  return forms.map((form) => ({
    form: nameOf(form) + (/[=:]/.exec(form)?.[0] ?? ''),
    text,
    values: /[=:]/.test(form) ? values.flatMap(wordsOf) : [],
  }));
}

/** `mfsrr:LOW` is offered as `mfsrr:`. */
function wordsOf({ form, also = [], text }: ValueText): [string, string][] {
  return [[wordOf(form) + (/^\w+:/.test(form) ? ':' : ''), text], ...also.map((word): [string, string] => [word, text])];
}
