// Every operation of several steps, killed before each of its changing system calls, and with each of them failing: the
// union is as it was or as it was to be, in this mount and in the next.

import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { E, Errno, errnoName } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import { S } from '../../src/posix/stat.js';
import type { FileHandle } from '../../src/union/file-handle.js';
import type { MoveDownAnswer } from '../../src/union/mvdown.js';
import type { MoveDownWish } from '../../src/union/mvdown-site.js';
import { arm, disarm, faults, type Kind } from './faults.js';
import { bytes, failure, isRoot, makeBranches, type BranchGiven, type Setting, type TestUnion, unionOver, useUnions } from './helpers.js';

vi.mock(import('../../src/posix/syscall.js'), async (original) => {
  const { faulty } = await import('./faults.js');
  return faulty(await original());
});

useUnions();

interface Case {
  branches: BranchGiven[];
  options?: Setting;
  /** What is done before, without faults. */
  first?: (t: TestUnion) => unknown;
  act: (t: TestUnion) => unknown;
}

const OLD = 1_000_000_000;
const file = (text: string) => ({ text, mode: 0o640, mtime: OLD });
const lower = { 'f': file('lower f'), 'd/g': file('lower g'), 'd/s/h': file('lower h'), 'd/e': null, 'l': { to: 'f' } };
const over = (upper: Record<string, never> | object, more: Partial<Case> = {}): Omit<Case, 'act'> =>
  ({ branches: [['rw', upper as never], ['ro', lower]], ...more });
const links = { 'a': file('linked'), 'd/b': { same: 'a' }, 'c': { same: 'a' } };
const overLinks = (more: Partial<Case> = {}): Omit<Case, 'act'> => ({ branches: [['rw'], ['ro', links]], ...more });
let held: FileHandle;
const owner = isRoot ? { uid: 12, gid: 34 } : {};

const cases: Record<string, Case> = {
  // Copy-up
  'a write copies up': { ...over({}), act: (t) => t.write('d/s/h', 'new') },
  'chmod copies up': { ...over({}), act: (t) => t.chmod('d/s/h', 0o600) },
  'chmod of a directory copies up': { ...over({}), act: (t) => t.chmod('d/s', 0o711) },
  'chown of a symlink copies up': { ...over({}), act: (t) => t.set('l', owner) },
  'truncation copies up a part': { ...over({}), act: (t) => t.truncate('d/g', 3) },
  'an emptying open copies up nothing': { ...over({}), act: (t) => t.release(t.open('d/g', O.WRONLY | O.TRUNC)) },
  'utimes copies up': { ...over({}), act: (t) => t.set('f', { atime: 5, mtime: 5 }) },
  'setxattr copies up': { ...over({}), act: (t) => t.setxattr('f', 'user.new', 'value') },
  'copy-up of a fifo': {
    branches: [['rw'], ['ro', { 'd/p': { fifo: true, mode: 0o600 } }]], act: (t) => t.chmod('d/p', 0o640),
  },
  'copy-up of a file without a name': {
    ...over({}), first: (t) => {
      held = t.open('f', O.RDWR);
      t.unlink('f');
    }, act: (t) => t.writeTo(held, 'new'),
  },
  'an open moves up': { branches: [['rw'], ['ro+moo', { 'd/f': file('moved') }]], act: (t) => t.read('d/f') },

  // Whiteouts
  'unlink of a lower file': { ...over({}), act: (t) => t.unlink('d/s/h') },
  'unlink of an upper file over a lower': { ...over({ f: file('upper f') }), act: (t) => t.unlink('f') },
  'unlink of an upper file': { ...over({ u: file('upper u') }), act: (t) => t.unlink('u') },
  'unlink, whiteouts being files of their own': { branches: [['rw+nolwh', { f: file('upper f') }], ['ro', lower]], act: (t) => t.unlink('f') },
  'rmdir of a lower directory': { ...over({}), act: (t) => t.rmdir('d/e') },
  'rmdir of a directory of whiteouts': {
    ...over({}), first: (t) => (t.unlink('d/g'), t.unlink('d/s/h'), t.rmdir('d/s'), t.rmdir('d/e')), act: (t) => t.rmdir('d'),
  },
  'rmdir of an opaque directory': {
    ...over({}), first: (t) => (t.unlink('d/s/h'), t.rmdir('d/s'), t.mkdir('d/s')), act: (t) => t.rmdir('d/s'),
  },
  'rmdir of an upper directory of whiteouts': {
    branches: [['rw', { 'n/.wh.x': '', 'n/.wh.y': '' }], ['ro', lower]], act: (t) => t.rmdir('n'),
  },
  'mkdir': { ...over({}), act: (t) => t.mkdir('d/s/n') },
  'mkdir over a whiteout': {
    ...over({}), first: (t) => (t.unlink('d/s/h'), t.rmdir('d/s')), act: (t) => t.mkdir('d/s'),
  },
  'mkdir over a whiteout with something beside it': {
    branches: [['rw', { '.wh.d': '', 'd/left': file('invisible') }], ['ro', lower]], act: (t) => t.mkdir('d'),
  },
  'mkdir with diropq=a': { ...over({}, { options: { diropq: 'a' } }), act: (t) => t.mkdir('n') },
  'create': { ...over({}), act: (t) => t.release(t.create('d/s/n')) },
  'create over a whiteout': { ...over({}), first: (t) => t.unlink('d/g'), act: (t) => t.release(t.create('d/g')) },
  'create over a whiteout with something beside it': {
    branches: [['rw', { '.wh.f': '', 'f': file('invisible') }], ['ro', lower]], act: (t) => t.release(t.create('f')),
  },
  'mknod over a whiteout': { ...over({}), first: (t) => t.unlink('f'), act: (t) => t.mknod('f', S.IFIFO | 0o600) },
  'symlink over a whiteout': { ...over({}), first: (t) => t.unlink('f'), act: (t) => t.symlink('f', 'somewhere') },

  // Links
  'link of an upper file': { ...over({ u: file('upper u') }), act: (t) => t.link('u', 'd/n') },
  'link over a whiteout': { ...over({ u: file('upper u') }), first: (t) => t.unlink('d/g'), act: (t) => t.link('u', 'd/g') },
  'link of a lower file': { ...over({}), act: (t) => t.link('f', 'd/n') },
  'link of a lower file over a whiteout': { ...over({}), first: (t) => t.unlink('d/g'), act: (t) => t.link('f', 'd/g') },
  'link of a lower file, noplink': { ...over({}, { options: { plink: false } }), act: (t) => t.link('f', 'd/n') },
  'link of a lower file over a whiteout, noplink': {
    ...over({}, { options: { plink: false } }), first: (t) => t.unlink('d/g'), act: (t) => t.link('f', 'd/g'),
  },
  'copy-up of a file with several names': { ...overLinks(), act: (t) => t.write('d/b', 'new') },
  'use of another name of a copy': { ...overLinks(), first: (t) => t.write('a', 'new'), act: (t) => t.write('d/b', 'NEW') },
  'unlink of a pseudo-linked name': { ...overLinks(), first: (t) => t.write('a', 'new'), act: (t) => t.unlink('a') },
  'unlink of the other pseudo-linked name': { ...overLinks(), first: (t) => t.write('a', 'new'), act: (t) => t.unlink('d/b') },
  'rename of a pseudo-linked name': { ...overLinks(), first: (t) => t.write('a', 'new'), act: (t) => t.rename('a', 'd/n') },
  'rename of the other pseudo-linked name': { ...overLinks(), first: (t) => t.write('a', 'new'), act: (t) => t.rename('d/b', 'n') },

  // Rename
  'rename of an upper file': { ...over({ u: file('upper u') }), act: (t) => t.rename('u', 'd/s/n') },
  'rename of a lower file': { ...over({}), act: (t) => t.rename('d/s/h', 'n') },
  'rename of a file above another': { ...over({ f: file('upper f') }), act: (t) => t.rename('f', 'd/n') },
  'rename over a lower file': { ...over({ u: file('upper u') }), act: (t) => t.rename('u', 'd/g') },
  'rename over an upper file': { ...over({ u: file('upper u'), f: file('upper f') }), act: (t) => t.rename('u', 'f') },
  'rename of a lower file over a lower': { ...over({}), act: (t) => t.rename('f', 'd/g') },
  'rename of a lower file over an upper': { ...over({ 'd/g': file('upper g') }), act: (t) => t.rename('f', 'd/g') },
  'rename over a whiteout': { ...over({ u: file('upper u') }), first: (t) => t.unlink('f'), act: (t) => t.rename('u', 'f') },
  'rename of a lower file over a whiteout': { ...over({}), first: (t) => t.unlink('d/g'), act: (t) => t.rename('f', 'd/g') },
  'rename over a whiteout with something beside it': {
    branches: [['rw', { '.wh.f': '', 'f/left': file('invisible') }], ['ro', lower]], act: (t) => t.rename('d/g', 'f'),
  },
  'rename, whiteouts being files of their own': { branches: [['rw+nolwh'], ['ro', lower]], act: (t) => t.rename('f', 'd/n') },
  'rename of an upper directory': { ...over({ 'n/x': file('x') }), act: (t) => t.rename('n', 'd/m') },
  'rename of an upper directory over a whiteout': {
    ...over({ 'n/x': file('x') }), first: (t) => (t.unlink('d/s/h'), t.rmdir('d/s')), act: (t) => t.rename('n', 'd/s'),
  },
  'rename of an emptied directory': {
    ...over({}), first: (t) => (t.unlink('d/s/h'), t.make('d/s/n', 'new')), act: (t) => t.rename('d/s', 'm'),
  },
  'rename of a directory over an emptied one': {
    ...over({ 'n/x': file('x') }), first: (t) => t.unlink('d/s/h'), act: (t) => t.rename('n', 'd/s'),
  },
  'rename of an emptied directory over an emptied one': {
    ...over({}), first: (t) => (t.unlink('d/s/h'), t.make('d/e/x', 'x'), t.unlink('d/e/x')), act: (t) => t.rename('d/e', 'd/s'),
  },
  'rename of a directory over an opaque one': {
    ...over({ 'n/x': file('x') }), first: (t) => (t.unlink('d/s/h'), t.rmdir('d/s'), t.mkdir('d/s')), act: (t) => t.rename('n', 'd/s'),
  },
  'rename of a directory with diropq=a': { ...over({ 'n/x': file('x') }, { options: { diropq: 'a' } }), act: (t) => t.rename('n', 'd/m') },
  'exchange of files': { ...over({ 'u': file('upper u'), 'n/v': file('upper v') }), act: (t) => t.rename('u', 'n/v', 2) },
  'exchange of a directory and a file': { ...over({ 'u': file('upper u'), 'n/v': file('upper v') }), act: (t) => t.rename('u', 'n', 2) },
  'rename between two writable branches': {
    branches: [['rw', { 'd/x': file('x') }], ['rw', { 'd/g': file('middle g') }], ['ro', lower]], act: (t) => t.rename('d/g', 'd/n'),
  },
  'rename over a file of a higher branch': {
    branches: [['rw', { 'd/x': file('x') }], ['rw', { 'd/g': file('middle g') }], ['ro', lower]], act: (t) => t.rename('d/g', 'd/x'),
  },
  'dirren: rename of a lower directory': { ...over({}, { options: { dirren: true } }), act: (t) => t.rename('d', 'n') },
  'dirren: to another parent': { ...over({ 'm/x': file('x') }, { options: { dirren: true } }), act: (t) => t.rename('d/s', 'm/n') },
  'dirren: over an emptied directory': {
    ...over({}, { options: { dirren: true } }), first: (t) => (t.make('d/e/x'), t.unlink('d/e/x')),
    act: (t) => t.rename('d/s', 'd/e'),
  },

  // Moving down
  'move down': { branches: [['rw', { 'd/s/u': file('moved') }], ['ro'], ['rw'], ['ro', lower]], act: (t) => moveDown(t, 'd/s/u') },
  'move down over a whiteout with something beside it': {
    branches: [['rw', { f: file('moved') }], ['rw', { '.wh.f': '', 'f/left': file('invisible') }], ['ro', lower]], act: (t) => moveDown(t, 'f'),
  },
  'move down over a file': {
    branches: [['rw', { 'd/g': file('moved') }], ['rw', { 'd/g': file('old') }], ['ro', lower]], act: (t) => moveDown(t, 'd/g', { overwrite: true }),
  },
  'move down of a symlink': { branches: [['rw', { 'd/l': { to: 'x' } }], ['rw'], ['ro', lower]], act: (t) => moveDown(t, 'd/l') },
  'move down from a branch that takes no writes': {
    branches: [['rw'], ['ro', { 'd/s/u': file('moved') }], ['rw', lower]], act: (t) => moveDown(t, 'd/s/u', { readonlyUpper: true }),
  },
};

function moveDown(t: TestUnion, path: string, wish: Omit<MoveDownWish, 'path'> = {}): void {
  const answer = t.union.command('mvdown', { ...wish, path, id: 'x' }) as MoveDownAnswer;
  if (answer.kind === 'moved') return;
  throw answer.kind === 'refused' && answer.code !== undefined ? new Errno(E[answer.code as keyof typeof E]) : new Error(JSON.stringify(answer));
}

// --- what is seen --------------------------------------------------------------------------------

/** All that a user sees but the times of directories; names of one inode are told by the first of them. */
function shown(t: TestUnion): string[] {
  const inodes = new Map<number, string>();
  const visit = (under: string): string[] => t.ls(under).flatMap((name) => {
    const path = under === '' ? name : `${under}/${name}`;
    const st = t.stat(path);
    const node = t.walk(path);
    const line = [path, (st.mode).toString(8), `${String(st.uid)}:${String(st.gid)}`, ...t.listxattr(path)];
    if (node.isDirectory) return [line.join(' '), ...visit(path)];
    if (st.mtime === OLD) line.push('old');
    if (node.type === S.IFREG) line.push(t.read(path));
    if (node.type === S.IFLNK) line.push(t.readlink(path));
    const first = inodes.get(st.ino);
    if (first === undefined) inodes.set(st.ino, path);
    else line.push(`same as ${first}`);
    return [line.join(' ')];
  });
  const lines = visit('');
  t.forgetAll();
  return lines;
}

/** What of ours lies on the branches that should not: temporaries, announcements, what waits to be removed. */
function leftovers(t: TestUnion): string[] {
  const found: string[] = [];
  for (const branch of t.u.branches) {
    const visit = (under: string): void => {
      for (const name of readdirSync(bytes(join(branch.path, under)), { encoding: 'latin1' })) {
        const path = under === '' ? name : `${under}/${name}`;
        const known = /^\.wh\.(?!\.wh\.)|^\.wh\.\.wh\.(aufs|plnk|orph|\.opq|\.dr(_path)?\..*|hino)$/.test(name);
        if (name.startsWith('.wh.') && !known) found.push(path);
        if (under.startsWith('.wh..wh.orph')) found.push(path);
        if (lstatSync(bytes(join(branch.path, path))).isDirectory()) visit(path);
      }
    };
    visit('');
  }
  return found;
}

function pseudoLinks(t: TestUnion): string[] {
  return t.u.branches.flatMap(({ path, plinkDir }) => (plinkDir < 0 ? [] : readdirSync(join(path, '.wh..wh.plnk'))));
}

function start({ branches, options, first }: Case): TestUnion {
  const { on, ...more } = options ?? {};
  const t = unionOver(makeBranches(branches, on), more);
  first?.(t);
  t.forgetAll();
  return t;
}

/** Ends the process's life at this point: whatever else it does has no effect. */
function die(t: TestUnion): void {
  arm('death', 0);
  t.releaseAll();
  t.forgetAll();
  t.union.close();
  t.abandon();
  disarm();
}

function remount(t: TestUnion): TestUnion {
  return unionOver(t.options.branches, t.options);
}

/** What the next mount would show, of a mount that is over. */
function afterwards(t: TestUnion): string[] {
  const next = remount(t);
  const there = shown(next);
  expect(leftovers(next)).toEqual([]);
  expect(next.finish()).toEqual([]);
  return there;
}

describe.each(Object.entries(cases))('%s', (_name, given) => {
  const states = (): { before: string[]; after: string[] } => {
    const t = start(given);
    const before = shown(t);
    given.act(t);
    return { before, after: shown(t) };
  };

  test('is whole or not at all after a kill', () => {
    const { before, after } = states();
    for (let calls = 0, died = true; died; calls++) {
      const t = start(given);
      arm('death', calls);
      failure(() => given.act(t));
      died = disarm();
      const at = `killed before call ${String(calls)}, ${faults.hit[0]}`;
      die(t);
      const next = remount(t);
      expect([before, after], at).toContainEqual(shown(next));
      expect(leftovers(next), at).toEqual([]);
      expect(next.finish(), at).toEqual([]);
      expect(pseudoLinks(next), at).toEqual([]);
    }
  });

  const kinds: [Kind, number[]][] = [['once', [E.EIO, E.ENOSPC, E.EDQUOT, E.EROFS]], ['full', [E.ENOSPC, E.EDQUOT]]];
  test.each(kinds)('fails as a whole (%s)', (kind, errnos) => {
    const { before, after } = states();
    for (let calls = 0, struck = true; struck; calls++) {
      const errno = errnos[calls % errnos.length];
      const t = start(given);
      arm(kind, calls, errno);
      const result = failure(() => given.act(t));
      struck = disarm();
      const at = `${errnoName(errno)} at call ${String(calls)}, ${faults.hit[0]}`;
      if (struck) expect(['success', errnoName(errno)], at).toContain(result);
      expect(shown(t), `${at}: ${result}`).toEqual(result === 'success' ? after : before);
      if (result !== 'success') {
        given.act(t);
        expect(shown(t), `${at}, and again`).toEqual(after);
      }
      // What is out of sight already and cannot be removed stays among the orphans, for the next mount.
      if (kind === 'full') expect(leftovers(t), at).toEqual([]);
      expect(t.finish().filter((wrong) => kind === 'full' || !wrong.startsWith('orphan')), at).toEqual([]);
      expect(afterwards(t), at).toEqual(after);
    }
  });

  test('leaves what the next mount puts right where everything fails', () => {
    const { before, after } = states();
    for (let calls = 0, struck = true; struck; calls++) {
      const t = start(given);
      arm('ever', calls, E.EROFS);
      const result = failure(() => given.act(t));
      struck = disarm();
      const at = `EROFS from call ${String(calls)} on, ${faults.hit[0]}`;
      expect(['success', 'EROFS'], at).toContain(result);
      die(t);
      expect([before, after], at).toContainEqual(afterwards(t));
    }
  });
});
