// Mount points, branches, directories and images, as far as they can be told in a few milliseconds.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { mountType, readMountTable } from '../../daemon/mount-table.js';
import { findStates } from '../../daemon/state.js';
import type { Candidate } from './candidates.js';

/** Mount points of unions: relative ones if what is typed is, or if nothing is typed and they are below. */
export function unions(typed: string): Candidate[] {
  const cwd = process.cwd();
  return mountpoints().flatMap((mountpoint) => {
    const relative = path.relative(cwd, mountpoint);
    const isBelow = relative !== '' && !relative.startsWith('..');
    if (typed.startsWith('/') || (typed === '' && !isBelow)) return [{ word: mountpoint, text: 'union' }];
    if (!isBelow && !typed.startsWith('..')) return [];
    return [{ word: typed.startsWith('./') ? `./${relative}` : relative, text: 'union' }];
  });
}

function mountpoints(): string[] {
  return readMountTable().filter(({ type }) => type === mountType).map(({ mountpoint }) => mountpoint);
}

/** Branches of the union whose mount point is among `words`; of all unions where none is. */
export function branches(words: readonly string[]): Candidate[] {
  const states = findStates();
  const named = new Set(words.filter((word) => word !== '').map((word) => path.resolve(word)));
  const meant = states.filter(({ state }) => named.has(state.mountpoint));
  const found = (meant.length > 0 ? meant : states).flatMap((each) => each.branches.map(({ text }) => {
    const mode = text.lastIndexOf('=');
    return { word: text.slice(0, mode), text: text.slice(mode + 1) };
  }));
  return [...new Map(found.map((each) => [each.word, each])).values()];
}

/** Directories whose path begins with what is typed, each with a slash at its end. */
export function directories(typed: string): Candidate[] {
  const at = typed.lastIndexOf('/') + 1;
  const parent = typed.slice(0, at);
  const start = typed.slice(at);
  try {
    return readdirSync(parent === '' ? '.' : parent, { withFileTypes: true })
      .filter(({ name }) => name.startsWith(start) && (start.startsWith('.') || !name.startsWith('.')))
      .filter((entry) => entry.isDirectory() || (entry.isSymbolicLink() && leadsToDirectory(parent + entry.name)))
      .map(({ name }) => ({ word: `${parent}${name}/` }));
  } catch {
    return [];
  }
}

function leadsToDirectory(name: string): boolean {
  try {
    return statSync(name).isDirectory();
  } catch {
    return false;
  }
}

/** Names of images in the store, as its repositories.json has them. */
export function images(store: string): Candidate[] {
  try {
    const { Repositories } = JSON.parse(readFileSync(path.join(store, 'image/aufs/repositories.json'), 'utf8')) as { Repositories: Record<string, object> };
    return Object.values(Repositories).flatMap((names) => Object.keys(names)).map((word) => ({ word, text: 'image' }));
  } catch {
    return [];
  }
}
