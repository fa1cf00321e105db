import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { command } from './command.js';
import { sizes } from './sizes.js';

/** Writes what the lower branches, and the measurements' own files, are made of. */
export async function makeBranches(lower: string, store: string): Promise<void> {
  makeTrees(`${lower}/base`);
  makeDeepBranches(lower);
  await makeRepository(`${lower}/base/repository`);
  mkdirSync(store);
  await command('tar', ['-cf', `${store}/source.tar`, '-C', `${lower}/base`, 'source']);
  await command('cp', ['-a', `${lower}/base/large`, `${store}/large`]);
  writeFileSync(`${store}/commits.sql`, commits());
}

function makeTrees(base: string): void {
  makeTree(`${base}/tree`, sizes.tree);
  makeFiles(`${base}/warm-up`, sizes.warmUp, 100);
  makeFiles(`${base}/flat`, sizes.flat, 0);
  makeFiles(`${base}/small`, sizes.small.files, sizes.small.bytes);
  makeSmallTree(`${base}/source`, sizes.source);
  makeSmallTree(`${base}/removed`, { ...sizes.removed, bytes: 100 });
  makeSmallTree(`${base}/repository`, { ...sizes.repository, bytes: 1000 });
  writeFileSync(`${base}/large`, Buffer.alloc(sizes.largeMebibytes * 2 ** 20, 'The contents of a large file. '));
}

/** Directories in directories: some at the top, the others shared out below them. */
function makeTree(at: string, { directories, top, filesEach }: typeof sizes.tree): void {
  for (let i = 0; i < directories; i++) {
    const outer = `t${String(i % top).padStart(2, '0')}`;
    makeFiles(i < top ? `${at}/${outer}` : `${at}/${outer}/s${String(i).padStart(4, '0')}`, filesEach, 100);
  }
}

function makeSmallTree(at: string, of: { directories: number; filesEach: number; bytes: number }): void {
  for (let i = 0; i < of.directories; i++) makeFiles(`${at}/d${String(i).padStart(4, '0')}`, of.filesEach, of.bytes);
}

/** f0000, f0001…, as client.c expects them. */
function makeFiles(directory: string, count: number, bytes: number): void {
  mkdirSync(directory, { recursive: true });
  for (let i = 0; i < count; i++) {
    const text = 'A line of some words.\n'.repeat(Math.ceil(bytes / 22)).slice(0, bytes);
    writeFileSync(`${directory}/f${String(i).padStart(4, '0')}`, bytes >= 1000 ? `${text}the last line\n` : text);
  }
}

/** deep/1, deep/2…: all have the directory `deep`, and the last of each number of branches has the files. */
function makeDeepBranches(lower: string): void {
  for (const depth of sizes.depths) {
    for (let i = 1; i < depth; i++) makeFiles(deepBranch(lower, depth, i) + '/deep', 0, 0);
    makeFiles(deepBranch(lower, depth, depth) + '/deep', sizes.deep, 0);
    makeFiles(deepBranch(lower, depth, depth) + '/warm-up', sizes.warmUp, 100);
  }
}

function deepBranch(lower: string, depth: number, index: number): string {
  return `${lower}/${depth}/${index}`;
}

/** The lower branches of a union, from the top down. */
export function lowerBranches(lower: string, depth: number | undefined): string[] {
  if (depth === undefined) return [`${lower}/base`];
  return Array.from({ length: depth }, (_, i) => deepBranch(lower, depth, i + 1));
}

async function makeRepository(at: string): Promise<void> {
  const git = (...args: string[]): Promise<string> =>
    command('git', ['-C', at, '-c', 'user.name=bench', '-c', 'user.email=bench', ...args]);
  try {
    await git('init', '--quiet');
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'all');
  } catch {
    // Without git the workload is left out, too.
  }
}

function commits(): string {
  const inserts = Array.from({ length: sizes.commits }, (_, i) => `INSERT INTO numbers VALUES (${i}, 'number ${i}');`);
  return ['CREATE TABLE numbers (number INTEGER, name TEXT);', ...inserts, ''].join('\n');
}

/** Everybody's to read, and of one owner to write. */
export async function handOver(directory: string, owner: { uid: number; gid: number }): Promise<void> {
  chmodSync(directory, 0o755);
  await command('chown', ['-R', `${owner.uid}:${owner.gid}`, directory]);
}
