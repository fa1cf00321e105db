// The recorded cases, and how two outcomes of a case are compared.
import { readFileSync } from 'node:fs';
import path from 'node:path';

export const folder = import.meta.dirname;

export interface Case {
  name: string;
  branches: { name: string; perm: string; tree?: unknown[] }[];
  opts: string;
  ops: unknown[][];
}

type Entry = Record<string, unknown>;
export type Tree = Partial<Record<string, Entry>>;

export interface Recording {
  name: string;
  mount: 'ok' | 'fail';
  /** What was said by a mount that failed. */
  message?: string;
  ops?: unknown[];
  union?: Tree;
  branches?: Partial<Record<string, Tree>>;
}

export function readCases(suite: string): { test: Case; aufs: Recording }[] {
  const recordings = new Map(readJson<Recording>(`${suite}.aufs.json`).map((recording) => [recording.name, recording]));
  return readJson<Case>(`${suite}.json`).map((test) => {
    const aufs = recordings.get(test.name);
    if (!aufs) throw new Error(`${suite}: there is no recording of ${test.name}`);
    return { test, aufs };
  });
}

function readJson<Item>(file: string): Item[] {
  return JSON.parse(readFileSync(path.join(folder, 'cases', file), 'utf8')) as Item[];
}

/** Every difference between what kernel AUFS did and what happened here, a line each. */
export function differences(aufs: Recording, here: Recording): string[] {
  if (aufs.mount !== here.mount) return [`mount: aufs ${aufs.mount}, here ${here.mount} ${here.message ?? ''}`];
  const lines: string[] = [];
  const [recorded, done] = [aufs.ops ?? [], here.ops ?? []];
  if (recorded.length !== done.length) lines.push(`aufs did ${recorded.length} operations, here ${done.length}`);
  recorded.forEach((result, index) => {
    const [was, is] = [shown(comparable(result)), shown(comparable(done[index]))];
    if (was !== is) lines.push(`op ${index}: aufs ${was}, here ${is}`);
  });
  lines.push(...treeDifferences('union', aufs.union ?? {}, here.union ?? {}));
  const names = new Set([...Object.keys(aufs.branches ?? {}), ...Object.keys(here.branches ?? {})]);
  for (const name of names) {
    lines.push(...treeDifferences(`branch ${name}`, aufs.branches?.[name] ?? {}, here.branches?.[name] ?? {}));
  }
  return lines;
}

function treeDifferences(title: string, aufs: Tree, here: Tree): string[] {
  const [was, is] = [withoutNumbers(aufs), withoutNumbers(here)];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].sort().flatMap((name) => {
    const [before, now] = [was[name], is[name]];
    if (before === undefined) return [`${title}: ${name} is here, not on aufs: ${shown(now)}`];
    if (now === undefined) return [`${title}: ${name} is on aufs, not here: ${shown(before)}`];
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
    const different = keys.filter((key) => shown(before[key]) !== shown(now[key]));
    if (different.length === 0) return [];
    return [`${title}: ${name}: ${different.map((key) => `${key} aufs ${shown(before[key])} here ${shown(now[key])}`).join(', ')}`];
  });
}

const pseudoLink = /^\d+\.\d+$/;
const pseudoLinkPath = /^\.wh\.\.wh\.plnk\/\d+\.\d+$/;

/**
 * Pseudo-links are named after inode numbers, which belong to the machine of the recording: what is left of
 * them here is how many there are and with what attributes.
 */
function withoutNumbers(tree: Tree): Tree {
  const numbered = Object.keys(tree).filter((name) => pseudoLinkPath.test(name));
  const rest = Object.entries(tree).filter(([name]) => !pseudoLinkPath.test(name));
  const links = numbered.map((name) => tree[name]).sort((a, b) => (shown(a) < shown(b) ? -1 : 1));
  return { ...Object.fromEntries(rest), ...Object.fromEntries(links.map((entry, index) => [`.wh..wh.plnk/#${index}`, entry])) };
}

/** The same for a listing of the pseudo-links' directory. */
function comparable(result: unknown): unknown {
  if (!Array.isArray(result)) return result;
  return result.map((item: unknown) => (typeof item === 'string' && pseudoLink.test(item) ? '#.#' : item));
}

/** JSON with the keys in order. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
