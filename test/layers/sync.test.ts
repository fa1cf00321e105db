// Branches made at random, synchronised, and emptied step by step: the union over them shows the same all the time.
import { chmodSync, linkSync, lstatSync, lutimesSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../src/posix/errno.js';
import { AT } from '../../src/posix/directory.js';
import { O, close, openat } from '../../src/posix/file.js';
import { S } from '../../src/posix/stat.js';
import { syncTree, type SyncChange, type Synced, type SyncLeft, type SyncOptions } from '../../src/layers/sync/sync-tree.js';
import { type Drop, dropOne } from '../../src/union/drop-upper.js';
import { Random } from '../fuzz/random.js';
import { branchSpec, namesOn, plant, scratch, type TestUnion, unionOver, useUnions } from '../union/helpers.js';

useUnions();

const nobody = { file: () => null, fileGone: () => undefined, directory: () => null, directoryGone: () => undefined };

/** All that a user sees, of a union in which nothing is written to; a hard link by the first of its names. */
function shown(...branches: [path: string, perm: string][]): string[] {
  const t = unionOver(branches.map(([at, perm]) => branchSpec(at, perm)));
  const lines = view(t, '', new Map());
  expect(t.finish()).toEqual([]);
  return lines;
}

function view(t: TestUnion, under: string, inodes: Map<number, string>): string[] {
  const describe = (at: string): string => {
    const { mode, uid, gid, mtime, mtimeNsec } = t.stat(at);
    return [at, mode.toString(8), uid, gid, `${mtime}.${mtimeNsec}`, ...t.listxattr(at).sort()].join(' ');
  };
  return [describe(under), ...t.ls(under).flatMap((name) => {
    const at = under === '' ? name : `${under}/${name}`;
    const node = t.walk(at);
    if (node.isDirectory) return view(t, at, inodes);
    const first = inodes.get(t.stat(at).ino) ?? at;
    inodes.set(t.stat(at).ino, first);
    const content = node.type === S.IFREG ? t.read(at) : node.type === S.IFLNK ? t.readlink(at) : '';
    return [`${describe(at)} ${content} as ${first}`];
  })];
}

interface Outcome {
  changes: string[];
  left: SyncLeft[];
  synced: Synced;
}

function sync(options: Pick<SyncOptions, 'upper' | 'dest'> & Partial<SyncOptions>): Outcome {
  const changes: SyncChange[] = [];
  const left: SyncLeft[] = [];
  const synced = syncTree({
    between: [], below: [], whiteouts: true, dryRun: false, move: false, onWarning: () => undefined, onBytes: () => undefined, ...options,
    onChange: (change) => changes.push(change), onLeft: (one) => left.push(one),
  });
  return { changes: changes.map(({ action, path: at }) => `${action} ${at}`), left, synced };
}

function drop(upper: string, lower: string, drops: readonly Drop[], after: () => void = () => undefined): (string | null)[] {
  const fds = [upper, lower].map((at) => must(openat(AT.FDCWD, at, O.RDONLY | O.DIRECTORY, 0)));
  try {
    return drops.map((one) => {
      const result = dropOne(fds[0], fds[1], one, nobody);
      after();
      return result;
    });
  } finally {
    fds.forEach(close);
  }
}

const NAMES = ['a', 'b', 'c', 'd\xff'];

/** A branch; with marks of AUFS's where they count. */
function grow(random: Random, at: string, marks: boolean, depth = 0): void {
  const raw = (name: string): Buffer => Buffer.from(path.join(at, name), 'latin1');
  const files: string[] = [];
  for (const name of NAMES) {
    const what = random.below(8);
    if (what < 2 && depth < 3) {
      mkdirSync(raw(name));
      grow(random, path.join(at, name), marks, depth + 1);
    } else if (what < 4) {
      writeFileSync(raw(name), `${at.replaceAll('\xff', '')} ${random.below(1000)}`);
      files.push(name);
    } else if (what === 4) symlinkSync(`to ${name}`, raw(name));
    else if (what === 5 && files.length > 0) linkSync(raw(files[0]), raw(name));
    else if (what === 6 && marks) writeFileSync(raw(`.wh.${name}`), '');
    if (what < 6 && random.once(2) && readdirSync(Buffer.from(at, 'latin1'), { encoding: 'latin1' }).includes(name)) {
      lutimesSync(raw(name), 1e9 + random.below(9), 1e9 + random.below(9));
      if (!lstatSync(raw(name)).isSymbolicLink()) chmodSync(raw(name), random.once(2) ? 0o755 : 0o700);
    }
  }
  if (marks && depth > 0 && random.once(4)) writeFileSync(raw('.wh..wh..opq'), '');
}

function plantAll(home: string, seed: number, branches: readonly [string, boolean][]): string[] {
  const random = new Random(seed);
  return branches.map(([name, marks]) => {
    const at = path.join(home, name);
    rmSync(at, { recursive: true, force: true });
    mkdirSync(at);
    grow(random, at, marks);
    return at;
  });
}

test('copied to the next branch: without the upper one the union shows the same; and again there is nothing to do', () => {
  const home = scratch();
  for (let seed = 0; seed < 40; seed++) {
    const [upper, dest, bottom] = plantAll(home, seed, [['upper', true], ['dest', true], ['bottom', false]]);
    const rest: [string, string][] = [[dest, 'ro+wh'], [bottom, 'ro']];
    const before = shown([upper, 'ro+wh'], ...rest);
    const below = [{ path: bottom, whiteouts: false }];
    const planned = sync({ upper, dest, below, dryRun: true });
    expect(shown([upper, 'ro+wh'], ...rest), `seed ${seed}, dry run`).toEqual(before);
    const { changes, left } = sync({ upper, dest, below });
    expect(changes, `seed ${seed}`).toEqual(planned.changes);
    expect(left, `seed ${seed}`).toEqual([]);
    expect(shown([upper, 'ro+wh'], ...rest), `seed ${seed}, with the upper branch`).toEqual(before);
    expect(shown(...rest), `seed ${seed}, without it`).toEqual(before);
    expect(sync({ upper, dest, below }).changes, `seed ${seed}, again`).toEqual([]);
  }
}, 60_000);

test('moved: at every step the union shows the same, and the upper branch is empty', () => {
  const home = scratch();
  for (let seed = 100; seed < 112; seed++) {
    const [upper, dest, bottom] = plantAll(home, seed, [['upper', true], ['dest', true], ['bottom', false]]);
    const all: [string, string][] = [[upper, 'ro+wh'], [dest, 'ro+wh'], [bottom, 'ro']];
    const before = shown(...all);
    const { synced, left } = sync({ upper, dest, below: [{ path: bottom, whiteouts: false }], move: true });
    expect(left).toEqual([]);
    expect(drop(upper, dest, synced.drops, () => expect(shown(...all), `seed ${seed}`).toEqual(before)).filter((why) => why !== null)).toEqual([]);
    // What lay beside its own whiteout nobody saw.
    const beside = namesOn(upper).filter((name) => !name.endsWith('/'));
    expect(beside, `seed ${seed}`).toEqual([]);
  }
}, 60_000);

test('branches between, whose names hide what is moved: that stays, and the union shows the same', () => {
  const home = scratch();
  let stayed = 0;
  for (let seed = 200; seed < 220; seed++) {
    const marks = seed % 2 === 0;
    const [upper, middle, dest, bottom] = plantAll(home, seed, [['upper', true], ['middle', marks], ['dest', true], ['bottom', false]]);
    const all: [string, string][] = [[upper, 'ro+wh'], [middle, marks ? 'ro+wh' : 'ro'], [dest, marks ? 'ro+wh' : 'ro'], [bottom, 'ro']];
    const before = shown(...all);
    const { synced, left } = sync({
      upper, dest, between: [{ path: middle, whiteouts: marks }], below: [{ path: bottom, whiteouts: false }], whiteouts: marks, move: true,
    });
    expect(shown(...all), `seed ${seed}, copied`).toEqual(before);
    expect(left.every(({ stays }) => stays), `seed ${seed}: ${JSON.stringify(left)}`).toBe(true);
    stayed += left.length;
    const reasons = drop(upper, dest, synced.drops, () => expect(shown(...all), `seed ${seed}`).toEqual(before));
    expect(reasons.filter((why) => why !== null), `seed ${seed}`).toEqual([]);
  }
  expect(stayed).toBeGreaterThan(15);
}, 60_000);

test('a plain directory gets no marks; hard links, holes, and what is left of a run that was killed', () => {
  const home = scratch();
  const [upper, dest] = ['upper', 'dest'].map((name) => path.join(home, name));
  plant(upper, {
    'a': 'linked', 'd/b': { same: 'a' }, '.wh.gone': '', 'op/.wh..wh..opq': '', 'op/n': 'new', '.wh..wh.aufs': '', '.wh..wh.orph/x': 'left', 'lost+found/y': '',
  });
  plant(dest, { 'gone/x': '', 'op/o': 'old', 'a': 'old', [`.wh..wh.sync-${String(2 ** 22 + 1)}/0`]: 'killed' });
  const { changes } = sync({ upper, dest, whiteouts: false });
  expect(changes.filter((one) => !one.startsWith('attributes'))).toEqual([
    'delete /gone', 'replace /a', 'add /d', 'add /d/b', 'delete /op/o', 'add /op/n',
  ]);
  expect(namesOn(dest)).toEqual(['a', 'd/', 'd/b', 'op/', 'op/n']);
  expect(lstatSync(path.join(dest, 'd/b')).ino).toBe(lstatSync(path.join(dest, 'a')).ino);
  expect(readFileSync(path.join(dest, 'a'), 'utf8')).toBe('linked');
  expect(sync({ upper, dest, whiteouts: false }).changes).toEqual([]);
});

test('what was changed after the copy stays', () => {
  const home = scratch();
  const [upper, dest] = ['upper', 'dest'].map((name) => path.join(home, name));
  plant(upper, { 'd/f': 'one', 'd/g': 'two', 'e/h': 'three' });
  mkdirSync(dest);
  const { synced: { drops } } = sync({ upper, dest, whiteouts: false, move: true });
  writeFileSync(path.join(upper, 'd/f'), 'changed');
  writeFileSync(path.join(dest, 'd/g'), 'changed');
  rmSync(path.join(dest, 'e'), { recursive: true });
  const reasons = new Map(drops.map((one, i) => [one.kind === 'file' ? one.paths[0] : one.path, drop(upper, dest, drops)[i]]));
  expect(Object.fromEntries(reasons)).toEqual({
    'd/f': 'was changed after it was copied', 'd/g': 'the copy was changed', 'e/h': 'the copy was changed',
    'd': 'is not empty', 'e': 'the copy was changed',
  });
  expect(namesOn(upper)).toEqual(['d/', 'd/f', 'd/g', 'e/', 'e/h']);
});
