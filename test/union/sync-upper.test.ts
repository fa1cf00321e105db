// What `tsaufs sync` asks of a mounted union: to be still, and to take away what a lower branch has, too.
import { chmodSync, cpSync, linkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import { Stat, statat } from '../../src/posix/stat.js';
import { AT } from '../../src/posix/directory.js';
import { type Drop, signatureOf } from '../../src/union/drop-upper.js';
import { failure, makeUnion, type TestUnion, useUnions } from './helpers.js';

useUnions();

const tree = { 'd/e/f': 'text', 'd/l1': 'linked', 'd/e/l2': { same: 'd/l1' }, '.wh.x': '', 'o/.wh..wh..opq': '', 'o/n': 'new' };

/** The lower branch as a copy of the upper one would have left it. */
function synced(): TestUnion {
  const t = makeUnion([['rw', tree], ['rw', { 'o/n': 'old' }]]);
  for (const name of ['d', 'o']) cpSync(t.on(0, name), t.on(1, name), { recursive: true, preserveTimestamps: true, filter: (from) => !from.includes('.wh.') });
  rmSync(t.on(1, 'd/e/l2'));
  linkSync(t.on(1, 'd/l1'), t.on(1, 'd/e/l2'));
  return t;
}

function files(t: TestUnion, ...paths: string[]): Drop {
  const st = new Stat();
  statat(AT.FDCWD, t.on(0, paths[0]), st);
  return { kind: 'file', paths, upper: signatureOf(st) };
}

function drop(t: TestUnion, ...drops: Drop[]): (string | null)[] {
  return t.union.command('drop-upper', { upper: t.branch(0), lower: t.branch(1), drops }) as (string | null)[];
}

test('it is still until it goes on, and not while somebody writes', () => {
  const t = makeUnion([['rw', { f: 'text' }], ['ro', { a: 'linked', b: { same: 'a' } }]]);
  const writer = t.open('f', O.WRONLY);
  expect(() => t.union.command('hold-still', null)).toThrow('files are open for writing: /f; close them (tsaufs busy tells who has them), or copy with --live');
  t.release(writer);
  t.write('a', 'LINKED');
  expect(t.union.command('hold-still', null)).toBe(true);
  expect(t.text(0, 'b'), 'pseudo-links are real').toBe('LINKED');
  expect(t.union.command('hold-still', null), 'again').toBe(false);
  for (const act of [() => t.write('f', 'x'), () => t.make('n'), () => t.unlink('f'), () => t.chmod('f', 0o600)]) expect(failure(act)).toBe('EROFS');
  expect(t.read('f')).toBe('text');
  t.union.command('go-on', null);
  t.write('f', 'TEXT');
  t.make('n');
});

test('files, marks and directories go; numbers stay, and who has something open goes on', () => {
  const t = synced();
  const paths = ['d', 'd/e', 'd/e/f', 'd/l1', 'o', 'o/n'];
  const numbers = (): number[] => paths.map((path) => t.ino(path));
  const before = numbers();
  const reader = t.open('d/e/f');
  const held = t.walk('d/e');
  expect(drop(t,
    { kind: 'opaque', path: 'o' }, { kind: 'whiteout', path: 'x' }, files(t, 'd/e/f'), files(t, 'd/l1', 'd/e/l2'), files(t, 'o/n'),
    { kind: 'directory', path: 'd/e' }, { kind: 'directory', path: 'd' }, { kind: 'directory', path: 'o' },
  )).toEqual([null, null, null, null, null, null, null, null]);
  expect(t.names(0)).toEqual([]);
  expect(numbers()).toEqual(before);
  expect(t.readFrom(reader)).toBe('text');
  expect(t.statNode(held).ino).toBe(before[1]);
  expect(t.ino('d/e/l2')).toBe(before[3]);
  expect(t.ls('o')).toEqual(['n']);
  t.write('d/e/f', 'TEXT');
  expect([t.text(1, 'd/e/f'), t.readFrom(reader)]).toEqual(['TEXT', 'TEXT']);
});

test('what is not as it was copied stays, and so does an open directory', () => {
  const t = synced();
  const f = files(t, 'd/e/f');
  const links = files(t, 'd/l1', 'd/e/l2');
  const open = t.opendir('d');
  writeFileSync(t.on(0, 'd/e/f'), 'changed');
  chmodSync(t.on(1, 'd/l1'), 0o600);
  chmodSync(t.on(1, 'o'), 0o700);
  expect(drop(t, f, links, { kind: 'directory', path: 'd' }, { kind: 'directory', path: 'o' }, { kind: 'directory', path: 'none' }, { kind: 'whiteout', path: 'none/x' }))
    .toEqual(['was changed after it was copied', 'the copy was changed', 'is open', 'the attributes of the copy were changed', 'the copy was changed', expect.stringMatching(/^ENOENT/)]);
  t.releasedir(open);
  expect(drop(t, { kind: 'directory', path: 'd' })).toEqual(['is not empty']);
  expect(t.names(0)).toEqual(['.wh.x', 'd/', 'd/e/', 'd/e/f', 'd/e/l2', 'd/l1', 'o/', 'o/.wh..wh..opq', 'o/n']);
  expect(t.read('d/e/f')).toBe('changed');
  expect(() => t.union.command('drop-upper', { upper: '/none', lower: t.branch(1), drops: [] })).toThrow('/none is no branch of this union');
});

test('directories keep their times', () => {
  const t = synced();
  for (const branch of [0, 1]) for (const name of ['d/e', 'd']) utimesSync(t.on(branch, name), 1e9, 1e9);
  drop(t, files(t, 'd/e/f'));
  expect(statSync(t.on(0, 'd/e')).mtimeMs).toBe(1e12);
  expect(t.stat('d/e').mtime).toBe(1e9);
});
