// uidmapping=, gidmapping= and squash_to_…: the options of fuse-overlayfs that container tools give a mount program.

import type { IdMapping, UnionOptions } from '../union/options.js';
import { OptionError } from './error.js';
import type { Setting } from './settings.js';

/** One more than the largest owner that there is. */
const IDS = 2 ** 32 - 1;

const owners = (set: Partial<UnionOptions>): Setting[] => [{ kind: 'union', set }];

export const ownerFlags: [string, Setting[]][] = [['squash_to_root', owners({ squashUid: 0, squashGid: 0 })]];

export const ownerOptions: [string, (value: string, name: string) => Setting[]][] = [
  ['uidmapping', (value, name) => owners({ uidMapping: parseMapping(name, value) })],
  ['gidmapping', (value, name) => owners({ gidMapping: parseMapping(name, value) })],
  ['squash_to_uid', (value, name) => owners({ squashUid: id(name, value, value) })],
  ['squash_to_gid', (value, name) => owners({ squashGid: id(name, value, value) })],
];

/** `0:100000:65536:…`: on the branches, shown, how many. */
function parseMapping(name: string, value: string): IdMapping[] {
  const numbers = value.split(':').filter((part) => part !== '').map((part) => id(name, value, part));
  if (numbers.length === 0 || numbers.length % 3 !== 0) {
    throw new OptionError(`mount option ${name}=${value}: must be ON_BRANCH:SHOWN:COUNT, or several of them joined by colons`);
  }
  const mapping: IdMapping[] = [];
  for (let i = 0; i < numbers.length; i += 3) {
    const [onBranch, shown, count] = numbers.slice(i, i + 3);
    if (onBranch + count > IDS || shown + count > IDS) throw new OptionError(`mount option ${name}=${value}: there are only ${IDS} owners; make COUNT smaller`);
    mapping.push({ onBranch, shown, count });
  }
  return mapping;
}

function id(name: string, value: string, text: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > IDS) throw new OptionError(`mount option ${name}=${value}: "${text}" is not an owner's number; give one from 0 to ${IDS - 1}, as id -u shows it`);
  return Number(text);
}

/** As they are written; nothing where owners are shown as they are. */
export function formatOwners({ uidMapping, gidMapping, squashUid, squashGid }: UnionOptions): string[] {
  const mapping = (name: string, ids: readonly IdMapping[]): string[] =>
    ids.length === 0 ? [] : [`${name}=${ids.map(({ onBranch, shown, count }) => `${onBranch}:${shown}:${count}`).join(':')}`];
  return [
    ...mapping('uidmapping', uidMapping),
    ...mapping('gidmapping', gidMapping),
    ...(squashUid === null ? [] : [`squash_to_uid=${squashUid}`]),
    ...(squashGid === null ? [] : [`squash_to_gid=${squashGid}`]),
  ];
}
