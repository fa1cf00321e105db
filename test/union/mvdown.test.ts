import { chmodSync, closeSync, openSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MoveDownAnswer } from '../../src/union/mvdown.js';
import type { MoveDownWish } from '../../src/union/mvdown-site.js';
import { FakeHelpers } from './fake-helpers.js';
import { DISK, isRoot, makeUnion, type TestUnion, takeInode, tinyFileSystem, useUnions } from './helpers.js';

useUnions();

let ids = 0;

function ask(t: TestUnion, path: string, wish: Omit<MoveDownWish, 'path'> & { dryRun?: boolean; stop?: boolean } = {}, id = String(ids++)): MoveDownAnswer {
  return t.union.command('mvdown', { ...wish, path, id }) as MoveDownAnswer;
}

/** `moved`, or why not. */
function moveDown(t: TestUnion, path: string, wish: Parameters<typeof ask>[2] = {}): string {
  const answer = ask(t, path, wish);
  return answer.kind === 'refused' ? answer.reason : answer.kind;
}

function refusal(t: TestUnion, path: string, wish: Parameters<typeof ask>[2] = {}): string {
  const answer = ask(t, path, wish);
  return answer.kind === 'refused' ? answer.text : answer.kind;
}

const OLD = 1_000_000_000;
const owner = isRoot ? { uid: 12, gid: 34 } : {};

test('a file goes to the next lower writable branch, with its parents and all its attributes', () => {
  const t = makeUnion([
    ['rw', { 'd/e/f': { text: 'text', mode: 0o4751, mtime: OLD, ...owner }, 'd/e': { dir: true, mode: 0o750, mtime: OLD, ...owner } }],
    ['ro'], ['rw'], ['rw'],
  ]);
  t.setxattr('d/e/f', 'user.name', 'value');
  const before = t.stat('d/e/f');
  const directory = t.stat('d/e');
  t.events.length = 0;
  expect(ask(t, '/d/e/f')).toEqual({
    kind: 'moved', bytes: 4, overwrote: false,
    upper: { id: 64, index: 0, path: t.branch(0), readonly: false }, lower: { id: 66, index: 2, path: t.branch(2), readonly: false },
  });
  expect(t.told()).toEqual(['copy-up /d', 'copy-up /d/e', 'move-down /d/e/f']);
  expect(t.names(0)).toEqual(['d/', 'd/e/']);
  expect(t.names(2)).toEqual(['d/', 'd/e/', 'd/e/f']);
  const after = t.stat('d/e/f');
  for (const what of ['ino', 'mode', 'uid', 'gid', 'size', 'mtime', 'mtimeNsec'] as const) expect(after[what], what).toBe(before[what]);
  for (const what of ['ino', 'mode', 'uid', 'gid', 'mtime', 'mtimeNsec'] as const) expect(t.stat('d/e')[what], what).toBe(directory[what]);
  expect(t.lstat(2, 'd/e').mtimeMs).toBe(OLD * 1000);
  expect(t.lstat(2, 'd/e').mode & 0o7777).toBe(0o750);
  expect(t.getxattr('d/e/f', 'user.name')).toBe('value');
  expect(t.read('d/e/f')).toBe('text');
  t.write('d/e/f', 'TEXT');
  expect(t.text(2, 'd/e/f')).toBe('TEXT');
  expect(moveDown(t, 'd/e/f')).toBe('moved');
  expect(refusal(t, 'd/e/f')).toBe(`No writable lower: ${t.branch(3)} is the lowest branch`);
  expect(t.ino('d/e/f')).toBe(before.ino);
});

test('symlinks, fifos and empty files; names that are not UTF-8', () => {
  const t = makeUnion([['rw', { 'l': { to: 'some\xffwhere' }, 'p': { fifo: true, mode: 0o600 }, 'e': '', 'n\xff\xfe': 'bytes' }], ['rw']]);
  for (const name of ['l', 'p', 'e', 'n\xff\xfe']) {
    const { ino } = t.stat(name);
    expect(moveDown(t, name), name).toBe('moved');
    expect(t.ino(name)).toBe(ino);
  }
  expect(t.names(0)).toEqual([]);
  expect(t.names(1)).toEqual(['e', 'l@', 'n\xff\xfe', 'p']);
  expect(t.readlink('l')).toBe('some\xffwhere');
  expect(t.read('n\xff\xfe')).toBe('bytes');
});

test('which branches', () => {
  const t = makeUnion([['rw', { f: 'upper' }], ['ro'], ['rw'], ['rw']]);
  expect(moveDown(t, 'f', { upper: 1 })).toBe('no-upper');
  expect(refusal(t, 'f', { upper: '/nowhere' })).toBe(`No upper exists: it is seen on ${t.branch(0)}, and not on /nowhere, which is no branch of the union`);
  expect(moveDown(t, 'f', { lower: 99 })).toBe('no-lower');
  expect(refusal(t, 'f', { lower: 0 })).toBe(`No such lower branch: ${t.branch(0)} is not below ${t.branch(0)}, where the file is`);
  expect(refusal(t, 'f', { lower: 65 })).toBe(`the union does not write to ${t.branch(1)}; allow that with --allow-ro-lower`);
  expect(ask(t, 'f', { lower: t.branch(3), upper: 64, dryRun: true })).toMatchObject({ kind: 'moved', lower: { id: 67 } });
  expect(t.names(0)).toEqual(['f']);
  expect(ask(t, 'f', { readonlyLower: true })).toMatchObject({ kind: 'moved', lower: { id: 65, readonly: true } });
  expect(readdirSync(t.branch(1))).toEqual(['f']);
  expect(refusal(t, 'f')).toBe(`it lies on ${t.branch(1)}, which the union does not write to; allow that with --allow-ro-upper`);
  expect(moveDown(t, 'f', { readonlyUpper: true, lower: t.branch(3) })).toBe('moved');
  expect(t.names(3)).toEqual(['f']);
  expect(t.read('f')).toBe('upper');
});

test('no branch below takes writes; a read-only union', () => {
  const t = makeUnion([['rw', { f: '' }], ['ro']]);
  expect(refusal(t, 'f')).toContain('No writable lower');
  t.union.command('set', { readonly: true });
  expect(refusal(t, 'f')).toBe('the union is mounted read-only; see tsaufs remount -o rw');
  const rr = makeUnion([['rw', { f: '' }], ['rr']]);
  expect(moveDown(rr, 'f', { readonlyLower: true })).toBe('bottom');
});

test('what would hide it below', () => {
  const hidden = { f: 'upper', 'd/f': 'upper' };
  const between = makeUnion([['rw', hidden], ['ro', { f: 'middle' }], ['rw']]);
  expect(refusal(between, 'f')).toBe(`Upper exists: ${between.branch(1)} has the name, too, and would hide it on ${between.branch(2)}; choose a branch above with --lower-branch-id`);
  expect(moveDown(between, 'd/f')).toBe('moved');
  const marked = makeUnion([['rw', hidden], ['ro+wh', { '.wh.f': '', 'd/.wh..wh..opq': '' }], ['rw']]);
  expect(moveDown(marked, 'f')).toBe('whiteout');
  expect(refusal(marked, 'd/f')).toContain('Opaque ancestor: /d hides what');
  // Without wh the marks do not count.
  const unmarked = makeUnion([['rw', hidden], ['ro', { '.wh.f': '', 'd/.wh..wh..opq': '' }], ['rw']]);
  expect(moveDown(unmarked, 'f')).toBe('moved');
  expect(moveDown(unmarked, 'd/f')).toBe('moved');
  const opaque = makeUnion([['rw', { 'd/f': 'upper', 'd/.wh..wh..opq': '' }], ['rw', { 'd/f': 'hidden' }]]);
  expect(moveDown(opaque, 'd/f')).toBe('opaque');
  const above = makeUnion([['rw', { 'd/f': 'upper' }], ['ro+wh', { '.wh.d': '' }], ['rw', { 'd/f': 'hidden' }]]);
  expect(moveDown(above, 'd/f')).toBe('opaque');
  expect(above.read('d/f')).toBe('upper');
  const file = makeUnion([['rw', { 'd/e/f': 'upper' }], ['rw', { d: 'a file' }]]);
  expect(refusal(file, 'd/e/f')).toBe(`${file.branch(1)} has something else in the place of the directory /d; remove it there`);
});

test('what the lower branch has', () => {
  const t = makeUnion([['rw', { f: 'upper', w: 'upper', x: 'upper' }], ['rw', { 'f': 'lower', '.wh.w': '', 'w': 'beside', 'x/y': '' }], ['ro', { f: 'bottom', w: 'bottom' }]]);
  expect(refusal(t, 'f')).toBe(`${t.branch(1)} has the name, too; replace it with --overwrite-lower`);
  expect(ask(t, 'f', { overwrite: true })).toMatchObject({ kind: 'moved', overwrote: true });
  expect(moveDown(t, 'w')).toBe('moved');
  expect(refusal(t, 'x', { overwrite: true })).toBe(`${t.branch(1)} has a directory of that name, which is not replaced`);
  expect(t.names(0)).toEqual(['x']);
  expect(t.names(1)).toEqual(['f', 'w', 'x/', 'x/y']);
  expect([t.read('f'), t.read('w')]).toEqual(['upper', 'upper']);
});

test('the upper file may stay', () => {
  const t = makeUnion([['rw', { f: 'upper' }], ['rw', { '.wh.f': '' }]]);
  const { ino } = t.stat('f');
  expect(moveDown(t, 'f', { keepUpper: true })).toBe('moved');
  expect([t.names(0), t.names(1)]).toEqual([['f'], ['f']]);
  expect(t.ino('f')).toBe(ino);
  t.unlink('f');
  expect(t.names(0)).toEqual(['.wh.f']);
});

test('neither directories, nor what is open, nor hard links', () => {
  const t = makeUnion([['rw', { 'd/f': 'open', 'a': 'linked', 'b': { same: 'a' } }], ['rw'], ['ro', { x: 'linked', y: { same: 'x' } }]]);
  expect(moveDown(t, 'd')).toBe('directory');
  expect(moveDown(t, '')).toBe('directory');
  expect(moveDown(t, 'none')).toBe('missing');
  expect(moveDown(t, 'd/f/g')).toBe('missing');
  expect(ask(t, '.wh.x')).toMatchObject({ kind: 'refused', reason: 'failed', code: 'EPERM' });
  const handle = t.open('d/f');
  expect(refusal(t, 'd/f')).toBe('is open; tsaufs busy tells by whom');
  t.release(handle);
  const fd = openSync(t.on(0, 'd/f'), 'r');
  expect(refusal(t, 'd/f')).toBe(`is open on ${t.branch(0)} itself; lsof(8) tells by whom`);
  closeSync(fd);
  expect(moveDown(t, 'd/f')).toBe('moved');
  expect(moveDown(t, 'a')).toBe('linked');
  t.write('x', 'LINKED');
  expect(moveDown(t, 'y')).toBe('linked');
  t.union.command('flush-plinks', null);
  expect(moveDown(t, 'y')).toBe('linked');
  t.unlink('x');
  expect(moveDown(t, 'y')).toBe('moved');
});

test('holes stay holes', () => {
  const t = makeUnion([['rw'], ['rw']]);
  t.make('f', 'begin');
  t.truncate('f', 64 << 20);
  t.write('f', 'end', (64 << 20) - 3);
  expect(moveDown(t, 'f')).toBe('moved');
  const st = statSync(t.on(1, 'f'));
  expect(st.size).toBe(64 << 20);
  expect(st.blocks * 512).toBeLessThan(1 << 20);
});

test('no file gets the number of one that was moved', () => {
  const t = makeUnion([['rw'], ['rw']], { on: DISK });
  t.make('f', 'moved');
  const { ino } = t.stat('f');
  const below = statSync(t.on(0, 'f')).ino;
  expect(moveDown(t, 'f')).toBe('moved');
  // ext4 gives the number out again.
  const again = takeInode(t.on(0, 'g'), below, 'new');
  if (again) expect(t.ino('g')).not.toBe(ino);
  expect(t.ino('f')).toBe(ino);
  // Up and down again, also with an inode that had the number before.
  t.forgetAll();
  expect(t.ino('f')).toBe(ino);
});

test.skipIf(!isRoot)(`room is looked for before anything is done${isRoot ? '' : ' (skipped: not root)'}`, () => {
  const small = tinyFileSystem('size=128k');
  const t = makeUnion([['rw', { f: 'x'.repeat(200_000), g: 'x'.repeat(50_000) }], ['rw', {}, small]]);
  expect(refusal(t, 'f')).toMatch(/has no room: it has \d+ bytes left, and the file takes \d+$/);
  expect(moveDown(t, 'f', { dryRun: true })).toBe('no-room');
  expect(t.names(1)).toEqual([]);
  expect(t.leftovers(1)).toEqual([]);
  expect(moveDown(t, 'g')).toBe('moved');
});

test.skipIf(!isRoot)(`a file system without inodes${isRoot ? '' : ' (skipped: not root)'}`, () => {
  const plain = tinyFileSystem('size=1m,nr_inodes=20');
  const t = makeUnion([['rw', { f: 'x' }], ['rw', {}, plain]]);
  for (let i = 0; i < 20; i++) {
    try {
      writeFileSync(join(plain, `fill${String(i)}`), '');
    } catch {
      break;
    }
  }
  expect(moveDown(t, 'f')).toBe('no-room');
  expect(t.read('f')).toBe('x');
});

// --- with helpers -------------------------------------------------------------------------------

const large = 'x'.repeat(1 << 20);

function withHelpers(text = large): { t: TestUnion; helpers: FakeHelpers } {
  const t = makeUnion([['rw', { f: text }], ['rw']], { on: DISK });
  const helpers = new FakeHelpers();
  t.union.helpers = helpers;
  return { t, helpers };
}

test('a large file is copied and written out by helpers', () => {
  const { t, helpers } = withHelpers();
  expect(ask(t, 'f', {}, 'one')).toEqual({ kind: 'going', bytes: 0, size: large.length });
  expect(t.read('f')).toBe(large);
  for (const size of [large.length, 1, 1]) {
    expect(ask(t, 'f', {}, 'one')).toMatchObject({ kind: 'going', size });
    helpers.work();
  }
  expect(ask(t, 'f', {}, 'one')).toMatchObject({ kind: 'moved', bytes: large.length });
  expect([t.names(0), t.names(1)]).toEqual([[], ['f']]);
});

test.each([
  ['opened', (t: TestUnion): unknown => t.open('f'), 'in-use'],
  ['changed', (t: TestUnion) => t.write('f', 'y'), 'in-use'],
  ['changed directly', (t: TestUnion) => chmodSync(t.on(0, 'f'), 0o600), 'in-use'],
  ['removed', (t: TestUnion) => t.unlink('f'), 'missing'],
  ['renamed', (t: TestUnion) => t.rename('f', 'g'), 'missing'],
] as const)('a file that is %s meanwhile stays', (_what, act, reason) => {
  for (const rounds of [0, 1, 2]) {
    const { t, helpers } = withHelpers();
    ask(t, 'f', {}, 'one');
    for (let i = 0; i < rounds; i++) {
      helpers.work();
      expect(ask(t, 'f', {}, 'one').kind).toBe('going');
    }
    act(t);
    helpers.work();
    expect(ask(t, 'f', {}, 'one')).toMatchObject({ kind: 'refused', reason });
    expect(t.names(1)).toEqual([]);
    expect(t.leftovers(1)).toEqual([]);
  }
});

test('given up, or unmounted, nothing is left', () => {
  const { t, helpers } = withHelpers();
  ask(t, 'f', {}, 'one');
  expect(t.leftovers(1)).toHaveLength(1);
  ask(t, 'f', { stop: true }, 'one');
  helpers.work();
  expect(t.leftovers(1)).toEqual([]);
  expect(helpers.log).toContain('stop');

  ask(t, 'f', {}, 'two');
  helpers.failWith = 28;
  helpers.work();
  expect(ask(t, 'f', {}, 'two')).toMatchObject({ kind: 'refused', reason: 'no-room', code: 'ENOSPC' });
  expect(t.leftovers(1)).toEqual([]);

  ask(t, 'f', {}, 'three');
  expect(t.finish()).toHaveLength(1);
  helpers.work();
});
