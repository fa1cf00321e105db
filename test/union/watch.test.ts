import {
  appendFileSync, chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import type * as Inotify from '../../src/posix/inotify.js';
import { S } from '../../src/posix/stat.js';
import type { Stale } from '../../src/union/watch.js';
import { type BranchGiven, DISK, type Setting, type TestUnion, failure, makeUnion, useUnions } from './helpers.js';

useUnions();

/** How many watches there may be; a real limit would be the whole machine's. */
const limit = vi.hoisted(() => ({ watches: Infinity, instances: Infinity }));
vi.mock('../../src/posix/inotify.js', async (importOriginal) => {
  const inotify = await importOriginal<typeof Inotify>();
  let given = 0;
  return {
    ...inotify,
    inotifyInit: () => {
      given = 0;
      return limit.instances > 0 ? inotify.inotifyInit() : -E.EMFILE;
    },
    inotifyAddWatchFd: (fd: number, target: number, mask: number) => {
      if (given >= limit.watches) return -E.ENOSPC;
      given++;
      return inotify.inotifyAddWatchFd(fd, target, mask);
    },
    inotifyRmWatch: (fd: number, watch: number) => {
      given--;
      return inotify.inotifyRmWatch(fd, watch);
    },
  };
});
afterEach(() => {
  limit.watches = limit.instances = Infinity;
});

interface Watched extends TestUnion {
  /** What the kernel was told since the last time it was asked for: `name in DIRECTORY` or `pages of`, `attributes of`. */
  heard(): string[];
  /** How often everything was looked at again. */
  renewed(): number;
}

function watched(given: readonly BranchGiven[], setting: Setting = {}): Watched {
  const t = makeUnion(given, { udba: 'none', ...setting }) as Watched;
  const stale: Stale[] = [];
  let renewals = 0;
  t.u.hooks.stale = (what) => stale.push(what);
  t.u.hooks.allChanged = () => renewals++;
  t.heard = () => {
    t.union.notice();
    const said = stale.splice(0).map((what) => {
      const path = t.union.nodes.get(what.kind === 'entry' ? what.parent : what.node)?.path() ?? '?';
      if (what.kind === 'entry') return `${what.expire ? '' : 'all of '}${what.name} in ${path}`;
      return `${what.offset < 0 ? 'attributes' : 'pages'} of ${path}`;
    });
    return [...new Set(said)].sort();
  };
  t.renewed = () => renewals;
  t.union.command('set', { udba: 'reval' });
  renewals = 0;
  return t;
}

/** As the kernel adapter does around a request. */
function request<T>(t: Watched, work: () => T): T {
  const result = work();
  t.union.settled(0);
  return result;
}

const long = 3600;
const names = (t: Watched, path = ''): number => t.union.cacheSeconds(t.walk(path));
const attributes = (t: Watched, path: string): number => t.union.attributeSeconds(t.walk(path), t.stat(path));

describe('what is watched', () => {
  test('a directory whose names were told, on all its branches', () => {
    const t = watched([['rw', { 'd/a': '' }], ['ro', { 'd/b': '', 'other/c': '' }]]);
    t.walk('d');
    expect(names(t)).toBeGreaterThan(long);
    expect(names(t, 'd')).toBeLessThan(0.1);
    t.walk('d/b');
    expect(names(t, 'd')).toBeGreaterThan(long);
    expect(attributes(t, 'd/b')).toBeGreaterThan(long);
    expect(t.u.watch?.stats().watches).toBe(4);
  });

  test('a listing and a look at its attributes watch a directory too', () => {
    const t = watched([['rw', { 'd/a': '', 'e/a': '' }]]);
    t.ls('d');
    t.stat('e');
    expect([names(t, 'd') > long, attributes(t, 'e') > long]).toEqual([true, true]);
  });

  test('a file with several names may be changed through one that is not watched', () => {
    const t = watched([['rw', { a: '', b: { same: 'a' } }]]);
    expect(attributes(t, 'a')).toBeLessThan(0.1);
  });

  test('natively read-only branches need no watching', () => {
    const t = watched([['rr', { 'd/a': '' }]]);
    t.walk('d/a');
    expect([names(t, 'd') > long, t.u.watch?.stats().watches]).toEqual([true, 0]);
  });

  test('nothing is relied on until the kernel can be told', () => {
    const t = watched([['rw', { 'd/a': '' }]]);
    let there = false;
    t.u.hooks.tellsStale = () => there;
    const trusted = (): boolean[] => {
      const handle = t.opendir('d');
      const { cacheable } = handle;
      t.releasedir(handle);
      return [names(t, 'd') > 0.1, attributes(t, 'd/a') > 0.1, cacheable];
    };
    expect(trusted()).toEqual([false, false, false]);
    there = true;
    expect(trusted()).toEqual([true, true, true]);
    there = false;
    expect(trusted()).toEqual([true, true, true]);
  });

  test('udba=none watches nothing and is trusted for good', () => {
    const t = makeUnion([['rw', { a: '' }]], { udba: 'none' }) as Watched;
    t.walk('a');
    expect([t.union.changes, names(t) > long, attributes(t, 'a') > long]).toEqual([-1, true, true]);
  });

  test('watches go when the kernel forgets, and with a change of branches', () => {
    const t = watched([['rw', { 'd/a': '' }], ['ro', { 'd/b': '' }]]);
    t.walk('d/b');
    expect(t.u.watch?.stats().watches).toBe(4);
    t.forgetAll();
    expect(t.u.watch?.stats().watches).toBe(2);
    t.walk('d/b');
    t.union.command('change', { kind: 'del', path: t.branch(1) });
    expect(names(t)).toBeLessThan(0.1);
    t.walk('d/a');
    expect([names(t) > long, names(t, 'd') > long, t.u.watch?.stats().watches]).toEqual([true, true, 2]);
  });

  test('a directory that copy-up brings to another branch is watched there at once', () => {
    const t = watched([['rw'], ['ro', { 'd/a': 'text' }]]);
    t.walk('d/a');
    request(t, () => t.chmod('d/a', 0o600));
    expect(names(t, 'd')).toBeGreaterThan(long);
    t.heard();
    writeFileSync(t.on(0, 'd/new'), '');
    expect(t.heard()).toContain('new in /d');
  });
});

describe('limits', () => {
  test('with no watch left the kernel asks often, which is said once', () => {
    const t = watched([['rw', { 'a/x': '', 'b/x': '', 'c/x': '' }]]);
    limit.watches = 2;
    for (const path of ['a/x', 'b/x', 'c/x']) t.walk(path);
    expect([names(t, 'a') > long, names(t, 'b'), names(t, 'c')]).toEqual([true, 0.05, 0.05]);
    expect(attributes(t, 'b/x')).toBe(0.05);
    expect(t.logs.filter((line) => line.includes('fs.inotify.max_user_watches'))).toHaveLength(1);
  });

  test('a watch given back is taken by who goes without', () => {
    const t = watched([['rw', { 'a/x': '', 'b/x': '' }]]);
    limit.watches = 2;
    t.walk('a/x');
    const b = t.walk('b');
    t.walk('b/x');
    expect(t.union.cacheSeconds(b)).toBe(0.05);
    for (const path of ['a/x', 'a']) t.forget(t.walk(path));
    t.walk('b/x');
    expect(t.union.cacheSeconds(b)).toBeGreaterThan(long);
  });

  test('no inotify instance: works, and says so', () => {
    limit.instances = 0;
    const t = watched([['rw', { a: '' }]]);
    t.walk('a');
    expect([t.union.changes, names(t), t.heard()]).toEqual([-1, 0.05, []]);
    expect(t.logs.filter((line) => line.includes('fs.inotify.max_user_instances'))).toHaveLength(1);
  });

  test('more events than the kernel keeps: everything is looked at again', () => {
    const t = watched([['rw', { 'd/a': '' }]]);
    t.walk('d/a');
    const most = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1'));
    for (let i = 0; i <= most / 2; i++) {
      writeFileSync(t.on(0, 'd/b'), '');
      unlinkSync(t.on(0, 'd/b'));
    }
    t.heard();
    expect(t.renewed()).toBe(1);
    t.walk('d/a');
    writeFileSync(t.on(0, 'd/c'), '');
    expect(t.heard()).toContain('c in /d');
  });
});

describe('changes of others', () => {
  test.each([0, 1])('of names, on branch %i', (branch) => {
    const t = watched([['rw', { 'd/k': '' }], ['ro', { 'd/k': '' }]]);
    t.walk('d/k');
    t.heard();
    writeFileSync(t.on(branch, 'd/f'), 'f');
    expect(t.heard()).toEqual(['f in /d', 'pages of /d']);
    renameSync(t.on(branch, 'd/f'), t.on(branch, 'd/g'));
    expect(t.heard()).toEqual(['f in /d', 'g in /d', 'pages of /d']);
    mkdirSync(t.on(branch, 'd/sub'));
    expect(t.heard()).toEqual(['pages of /d', 'sub in /d']);
    rmdirSync(t.on(branch, 'd/sub'));
    unlinkSync(t.on(branch, 'd/g'));
    expect(t.heard()).toEqual(['g in /d', 'pages of /d', 'sub in /d']);
  });

  test('of whiteouts and opaque marks', () => {
    const t = watched([['rw', { 'd/k': '' }], ['ro', { 'd/a': '' }]]);
    t.walk('d/a');
    t.heard();
    writeFileSync(t.on(0, 'd/.wh.a'), '');
    expect(t.heard()).toEqual(['a in /d', 'pages of /d']);
    expect(t.has('d/a')).toBe(false);
    unlinkSync(t.on(0, 'd/.wh.a'));
    expect(t.has('d/a')).toBe(true);
    t.heard();
    writeFileSync(t.on(0, 'd/.wh..wh..opq'), '');
    expect(t.heard()).toContain('all of d in /');
    expect([t.has('d/a'), t.has('d/k')]).toEqual([false, true]);
    unlinkSync(t.on(0, 'd/.wh..wh..opq'));
    expect(t.heard()).toContain('a in /d');
    expect(t.has('d/a')).toBe(true);
  });

  test('of content and attributes: whoever has the file open hears of it', () => {
    const t = watched([['rw', { a: 'a' }], ['ro', { b: 'b' }]]);
    for (const [branch, name] of [[0, 'a'], [1, 'b']] as const) {
      t.walk(name);
      t.heard();
      chmodSync(t.on(branch, name), 0o600);
      expect(t.heard()).toContain(`attributes of /${name}`);
      appendFileSync(t.on(branch, name), '!');
      expect(t.heard()).toContain(`pages of /${name}`);
      expect(t.open(name).keepCache).toBe(false);
    }
  });

  test('a directory renamed keeps its number, and what was below its name comes up', () => {
    const t = watched([['rw', { 'd/up': '' }], ['ro', { 'd/low': '' }]]);
    const before = t.ino('d');
    t.walk('d/up');
    t.walk('d/low');
    t.heard();
    renameSync(t.on(0, 'd'), t.on(0, 'e'));
    expect(t.heard()).toContain('d in /');
    expect([t.ls('e'), t.ls('d')]).toEqual([['up'], ['low']]);
    expect(t.heard()).toContain('all of e in /');
    expect([t.ino('e') === before, t.ino('d') === before]).toEqual([true, false]);
  });

  test('a directory made above a lower one is the same to who is inside', () => {
    const t = watched([['rw'], ['ro', { 'd/low': '' }]]);
    const d = t.walk('d');
    t.walk('d/low');
    t.heard();
    mkdirSync(t.on(0, 'd'));
    writeFileSync(t.on(0, 'd/new'), '');
    expect(t.heard()).toEqual(expect.arrayContaining(['d in /', 'new in /d']));
    expect([t.walk('d') === d, t.ls('d'), t.union.cacheSeconds(d) > long]).toEqual([true, ['low', 'new'], true]);
    unlinkSync(t.on(0, 'd/new'));
    rmdirSync(t.on(0, 'd'));
    t.heard();
    expect([t.walk('d') === d, t.ls('d')]).toEqual([true, ['low']]);
  });

  test('a directory removed and made anew is another', () => {
    const t = watched([['rw', { 'd/a': '' }]]);
    const former = t.walk('d');
    t.walk('d/a');
    unlinkSync(t.on(0, 'd/a'));
    rmdirSync(t.on(0, 'd'));
    mkdirSync(t.on(0, 'd'));
    writeFileSync(t.on(0, 'd/b'), '');
    t.heard();
    expect([t.walk('d') === former, t.ls('d'), former.removed]).toEqual([false, ['b'], true]);
    request(t, () => t.make('d/c'));
    expect(t.names(0)).toEqual(expect.arrayContaining(['d/b', 'd/c']));
  });

  test('a name of a file that has another goes', () => {
    const t = watched([['rw', { a: 'text', b: { same: 'a' } }]]);
    t.walk('a');
    const b = t.walk('b');
    unlinkSync(t.on(0, 'a'));
    t.heard();
    expect([t.statNode(b).nlink, t.read('b'), t.has('a')]).toEqual([1, 'text', false]);
    linkSync(t.on(0, 'b'), t.on(0, 'a'));
    t.heard();
    t.chmod('a', 0o600);
    expect(t.stat('b').mode & 0o777).toBe(0o600);
  });

  test('an open file that is replaced stays open; a new open asks for another lookup', () => {
    const t = watched([['rw', { a: 'old' }]]);
    const a = t.walk('a');
    const handle = t.openNode(a);
    writeFileSync(t.on(0, 't'), 'new one');
    renameSync(t.on(0, 't'), t.on(0, 'a'));
    expect([t.statNode(a).size, t.readFrom(handle)]).toEqual([3, 'old']);
    expect(failure(() => t.openNode(a))).toBe('ESTALE');
    expect(t.read('a')).toBe('new one');
  });
});

describe('our own changes', () => {
  /** Each a request of its own, on a union whose names are all known. */
  const operations: Record<string, (t: Watched) => void> = {
    create: (t) => t.release(t.create('d/new')),
    'create over a whiteout': (t) => t.release(t.create('d/gone')),
    mkdir: (t) => void t.mkdir('d/newdir'),
    'mkdir over a whiteout': (t) => void t.mkdir('d/gone'),
    mknod: (t) => void t.mknod('d/fifo', S.IFIFO | 0o600),
    symlink: (t) => void t.symlink('d/link', 'a'),
    link: (t) => void t.link('d/up', 'd/hard'),
    'link of a lower file': (t) => void t.link('d/low', 'd/hard'),
    'unlink above': (t) => t.unlink('d/up'),
    'unlink below': (t) => t.unlink('d/low'),
    rmdir: (t) => t.rmdir('d/empty'),
    rename: (t) => t.rename('d/up', 'd/moved'),
    'rename of a lower file': (t) => t.rename('d/low', 'moved'),
    'rename over a file': (t) => t.rename('d/up', 'd/low'),
    'rename of a directory': (t) => t.rename('d/empty', 'there'),
    'rename over a directory': (t) => t.rename('d/empty', 'd/white'),
    exchange: (t) => t.rename('d/up', 'd/up2', 2),
    chmod: (t) => t.chmod('d/up', 0o640),
    'chmod of a directory': (t) => t.chmod('d', 0o700),
    'chmod below': (t) => t.chmod('low/deep/file', 0o640),
    truncate: (t) => t.truncate('d/up', 1),
    setxattr: (t) => t.setxattr('d/up', 'user.x', '1'),
    'open with O_TRUNC': (t) => t.release(t.open('d/up', O.WRONLY | O.TRUNC)),
    write: (t) => t.write('d/up', 'written'),
    'write below': (t) => t.write('low/deep/file', 'written'),
  };

  test.each(Object.entries(operations))('%s tells the kernel nothing', (_, operation) => {
    const t = watched([
      ['rw', { 'd/up': 'up', 'd/up2': '', 'd/empty': null, 'd/white/.wh.x': '', 'd/.wh.gone': '' }],
      ['ro', { 'd/low': 'low', 'd/gone': '', 'low/deep/file': 'deep' }],
    ], { on: DISK });
    for (const path of ['', 'd', 'd/empty', 'd/white', 'low', 'low/deep']) t.ls(path);
    for (const path of ['d/up', 'd/low', 'low/deep/file']) t.stat(path);
    expect(t.heard()).toEqual([]);
    const before = t.u.watch!.stats();
    request(t, () => operation(t));
    expect(t.heard()).toEqual([]);
    const after = t.u.watch!.stats();
    expect([after.events > before.events, after.told]).toEqual([true, before.told]);
  });

  test('another name changed meanwhile is told', () => {
    const t = watched([['rw', { 'd/a': '' }]]);
    t.walk('d/a');
    t.make('d/own');
    writeFileSync(t.on(0, 'd/foreign'), '');
    t.union.settled(0);
    expect(t.heard()).toEqual(['foreign in /d', 'pages of /d']);
  });

  test('the same name is told when something else happened to it', () => {
    const t = watched([['rw', { 'd/a': '' }]]);
    t.walk('d/a');
    t.make('d/own');
    unlinkSync(t.on(0, 'd/own'));
    t.union.settled(0);
    expect(t.heard()).toContain('own in /d');
  });

  test('before and after the operation the same change is another\'s', () => {
    const t = watched([['rw', { 'd/a': 'text' }]]);
    t.walk('d/a');
    appendFileSync(t.on(0, 'd/a'), '!');
    const handle = t.open('d/a', O.WRONLY);
    t.writeTo(handle, 'T');
    t.union.settled(0);
    expect(t.heard()).toContain('pages of /d/a');
    t.writeTo(handle, 'T');
    t.union.settled(0);
    expect(t.heard()).toEqual([]);
    appendFileSync(t.on(0, 'd/a'), '!');
    expect(t.heard()).toContain('pages of /d/a');
  });

  test('what a failed operation has done all the same is told', () => {
    const t = watched([['rw', { 'd/a': '' }]]);
    t.walk('d/a');
    t.make('d/half');
    t.union.settled(E.EIO);
    expect(t.heard()).toContain('half in /d');
  });
});
