// The value of -o: `br=/a=rw:/b=ro+wh,udba=none`, wherever the cursor is at its end.

import { escape, splitUnescaped, unescape } from '../../options/tokens.js';
import { after, startingWith, type Candidate, type Offer } from './candidates.js';
import type { CompletionData, MountOptionData } from './data.js';
import { branches, directories } from './places.js';

/** @param words the other words on the command line: one of them may be the mount point */
export function offerMountOptions(typed: string, words: readonly string[], data: CompletionData): Offer {
  const parts = splitUnescaped(typed, ',');
  const piece = parts.pop()!;
  const before = typed.slice(0, typed.length - piece.length);
  const match = /^([^=:]+)[=:]/.exec(piece);
  const name = match?.[1] ?? '';
  const option = data.mountOptions.find(({ form }) => form === `${name}=` || form === `${name}:`);
  if (match === null || option === undefined) return offerNames(piece, before, parts, data);
  return offerValue(name, piece.slice(match[0].length), before + match[0], { words, option, data });
}

function offerNames(piece: string, before: string, given: readonly string[], { mountOptions }: CompletionData): Offer {
  const names = mountOptions.map(({ form, text }): Candidate => ({ word: form, text })).filter(({ word }) => !given.includes(word));
  return { candidates: after(before, startingWith(names, piece)), open: true };
}

interface Known {
  words: readonly string[];
  option: MountOptionData;
  data: CompletionData;
}

function offerValue(name: string, value: string, before: string, { words, option, data }: Known): Offer {
  switch (name) {
    case 'br':
    case 'dirs': return offerLast(value, before, ':', (part, start) => offerBranch(part, start, data));
    case 'lowerdir': return offerLast(value, before, ':', offerDirectory);
    case 'append':
    case 'prepend': return offerBranch(value, before, data);
    case 'upperdir':
    case 'workdir':
    case 'lowerdir+': return offerDirectory(value, before);
    case 'add':
    case 'ins': {
      const index = /^\d+:/.exec(value)?.[0];
      return index === undefined ? { candidates: [] } : offerBranch(value.slice(index.length), before + index, data);
    }
    case 'del': return { candidates: after(before, startingWith(escaped(branches(words)), value)), open: true };
    case 'mod': {
      if (splitUnescaped(value, '=').length > 1) return offerBranch(value, before, data);
      const all = escaped(branches(words)).map(({ word, text }) => ({ word: `${word}=`, ...(text === undefined ? {} : { text }) }));
      return { candidates: after(before, startingWith(all, value)), open: true };
    }
    default: {
      const values = option.values.map(([word, text]) => ({ word, text }));
      return { candidates: after(before, startingWith(values, value)), open: true };
    }
  }
}

/** Of several, only the last one is typed now. */
function offerLast(value: string, before: string, separator: string, offer: (part: string, start: string) => Offer): Offer {
  const part = splitUnescaped(value, separator).at(-1)!;
  return offer(part, before + value.slice(0, value.length - part.length));
}

/** `PATH`, `PATH=PERMISSION`, `PATH=PERMISSION+ATTRIBUTE`. */
function offerBranch(part: string, before: string, data: CompletionData): Offer {
  const pieces = splitUnescaped(part, '=');
  if (pieces.length === 1) return offerDirectory(part, before);
  const mode = pieces.at(-1)!;
  const attribute = mode.slice(mode.lastIndexOf('+') + 1);
  const given = mode.split('+').slice(0, -1);
  const words = given.length > 0 ? data.attributes.filter(([, , of]) => of.includes(given[0])) : data.permissions;
  const start = before + part.slice(0, part.length - attribute.length);
  const candidates = words.map(([word, text]) => ({ word, text })).filter(({ word }) => !given.includes(word));
  return { candidates: after(start, startingWith(candidates, attribute)), open: true };
}

function offerDirectory(part: string, before: string): Offer {
  return { candidates: after(before, escaped(directories(unescape(part)))), open: true };
}

/** As they must be written inside an option. */
function escaped(candidates: readonly Candidate[]): Candidate[] {
  return candidates.map(({ word, ...rest }) => ({ ...rest, word: escape(word) }));
}
