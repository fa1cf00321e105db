// What can stand at the cursor of a command line of tsaufs.

import { commands, findEntry, isGroup, type Command, type CommandGroup } from '../commands.js';
import { after, nothing, startingWith, type Candidate, type Offer } from './candidates.js';
import type { CommandData, CompletionData, OptionData, Place } from './data.js';
import { offerMountOptions } from './mount-options.js';
import { branches, directories, images, unions } from './places.js';

export interface Line {
  /** What follows `tsaufs`, without the shell's quotes. */
  words: readonly string[];
  /** Which of them the cursor is in; what is after the cursor is not in it. */
  at: number;
  data: CompletionData;
}

export function offer({ words, at, data }: Line): Offer {
  const typed = words[at] ?? '';
  const before = words.slice(0, at);
  const first = before.find((word) => !word.startsWith('-'));
  // `tsaufs -o …`, and `tsaufs none /mnt -o …`, mount.
  if (before.length === 0) return offerFirst(typed);
  const entry = first === undefined || before[0] !== first ? undefined : findEntry(commands, first);
  const others = words.filter((_, index) => index !== at);
  if (entry === undefined) return offerIn(data.commands['mount'], { typed, before, others, data });
  if (entry.name === 'help') return before.length === 1 ? offerCommands(commands, typed) : offerHelped(before[1], typed);
  if (!isGroup(entry)) return offerIn(data.commands[entry.name], { typed, before: before.slice(1), others, data });
  if (before.length === 1) return typed.startsWith('-') ? offerWords(['--help'], typed) : offerCommands(entry.commands, typed);
  const command = findEntry(entry.commands, before[1]);
  return command === undefined ? nothing : offerIn(data.commands[`${entry.name} ${command.name}`], { typed, before: before.slice(2), others, data });
}

function offerFirst(typed: string): Offer {
  return typed.startsWith('-') ? offerWords(['--help', '--version', '-o'], typed) : offerCommands(commands, typed);
}

function offerCommands(entries: readonly (Command | CommandGroup)[], typed: string): Offer {
  return { candidates: startingWith(entries.map(({ name, summary }) => ({ word: name, text: summary })), typed) };
}

function offerHelped(name: string, typed: string): Offer {
  const entry = findEntry(commands, name);
  return entry !== undefined && isGroup(entry) ? offerCommands(entry.commands, typed) : nothing;
}

function offerWords(words: readonly string[], typed: string): Offer {
  return { candidates: startingWith(words.map((word) => ({ word })), typed) };
}

interface Inside {
  typed: string;
  /** The words of this command before the cursor. */
  before: readonly string[];
  /** All words but the one at the cursor. */
  others: readonly string[];
  data: CompletionData;
}

function offerIn(command: CommandData, inside: Inside): Offer {
  const { typed, before } = inside;
  const { awaits, count, ended } = read(command, before);
  if (awaits !== undefined) return offerPlace(awaits, inside);
  if (!ended && typed.startsWith('--') && typed.includes('=')) {
    const equals = typed.indexOf('=') + 1;
    const value = command.options.find(({ names }) => names.includes(typed.slice(0, equals - 1)))?.value;
    if (value === undefined) return nothing;
    const { candidates, ...rest } = offerPlace(value, { ...inside, typed: typed.slice(equals) });
    return { ...rest, candidates: after(typed.slice(0, equals), candidates) };
  }
  if (!ended && typed.startsWith('-') && typed !== '-') return { candidates: startingWith(optionWords(command), typed) };
  const place = command.arguments.at(count) ?? (command.variadic ? command.arguments.at(-1) : undefined);
  if (place === undefined || typed === '-') return { candidates: startingWith(optionWords(command), typed) };
  return offerPlace(place, inside);
}

/** How far the words go: which value is awaited at the cursor, and how many arguments there are before it. */
function read(command: CommandData, words: readonly string[]): { awaits: Place | undefined; count: number; ended: boolean } {
  let awaits: Place | undefined;
  let count = 0;
  let ended = false;
  for (const word of words) {
    if (awaits !== undefined) awaits = undefined;
    else if (ended || !word.startsWith('-') || word === '-') count++;
    else if (word === '--') ended = true;
    else awaits = awaited(command.options, word);
  }
  return { awaits, count, ended };
}

/** Of `-o`, `-fo` and `--option` the value is the next word. */
function awaited(options: readonly OptionData[], word: string): Place | undefined {
  if (word.startsWith('--')) return word.includes('=') ? undefined : options.find(({ names }) => names.includes(word))?.value;
  for (let index = 1; index < word.length; index++) {
    const value = options.find(({ names }) => names.includes(`-${word[index]}`))?.value;
    if (value !== undefined) return index === word.length - 1 ? value : undefined;
  }
  return undefined;
}

function optionWords({ options }: CommandData): Candidate[] {
  return [...options, { names: ['-h', '--help'], text: 'show a help text' }]
    .flatMap(({ names, text }) => names.map((word) => ({ word, text })));
}

function offerPlace({ kind, words = [] }: Place, { typed, others, data }: Inside): Offer {
  switch (kind) {
    case 'none': return nothing;
    case 'file': return { candidates: [], also: 'files' };
    case 'directory': return { candidates: [], also: 'directories' };
    case 'words': return offerWords(words, typed);
    case 'word-list': {
      const start = typed.slice(0, typed.lastIndexOf(',') + 1);
      const candidates = words.filter((word) => !start.split(',').includes(word)).map((word) => ({ word }));
      return { candidates: after(start, startingWith(candidates, typed.slice(start.length))), open: true };
    }
    case 'directories': {
      const start = typed.slice(0, typed.lastIndexOf(':') + 1);
      return { candidates: after(start, directories(typed.slice(start.length))), open: true };
    }
    case 'union': return { candidates: startingWith(unions(typed), typed) };
    case 'union-or-directory': return { candidates: startingWith(unions(typed), typed), also: 'directories' };
    case 'branch': return { candidates: startingWith(branches(others), typed) };
    case 'branch-or-directory': return { candidates: startingWith(branches(others), typed), also: 'directories' };
    case 'image': return { candidates: startingWith(images(storeIn(others)), typed) };
    case 'command': return offerCommands(commands, typed);
    case 'mount-options': return offerMountOptions(typed, others, data);
  }
}

function storeIn(words: readonly string[]): string {
  const at = words.indexOf('--store');
  if (at >= 0 && at + 1 < words.length) return words[at + 1];
  const data = process.env['XDG_DATA_HOME'] ?? `${process.env['HOME'] ?? ''}/.local/share`;
  return process.geteuid!() === 0 ? '/var/lib/tsaufs' : `${data}/tsaufs`;
}
