import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callControl } from '../../src/daemon/control.js';
import { Mount } from '../../src/daemon/mount.js';
import { runMount, type RunningMount } from '../../src/daemon/running.js';
import { findState, removeState } from '../../src/daemon/state.js';
import { branchMode } from '../../src/options/branch.js';
import { parseMountOptions } from '../../src/options/mount.js';
import { parseRemountOptions, type RemountStep } from '../../src/options/remount.js';
import { FakeAdapter, type FakeSession } from './fake-adapter.js';

let home: tmp.DirectoryResult;
let running: RunningMount;
let session: FakeSession;
let logged: string[];
let verbosity: boolean[];

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  for (const name of ['a', 'b', 'b/sub', 'c', 'd', 'm']) mkdirSync(path.join(home.path, name));
  writeFileSync(path.join(home.path, 'file'), '');
  const { union, mount } = parseMountOptions(['br=a:b'], home.path);
  const adapter = new FakeAdapter();
  logged = [];
  verbosity = [];
  running = await runMount({
    mountpoint: path.join(home.path, 'm'), source: 'none', union, flags: mount, adapter, state: undefined,
    log: (_level, message) => logged.push(message), setVerbose: (on) => verbosity.push(on),
  });
  session = adapter.session!;
});

afterEach(async () => {
  session.end({ reason: 'unmounted' });
  await running.ended;
  removeState(running.directory);
  await home.cleanup();
});

function steps(text: string): RemountStep[] {
  const { union } = running.inForce;
  return parseRemountOptions([text], { readonly: union.readonly, branches: union.branches.map((branch) => branch.path) }, home.path).steps;
}

const at = (name: string): string => path.join(home.path, name);
const remount = (text: string): Promise<unknown> => running.remount(steps(text));
const shown = (): string[] => findState(running.directory)!.branches.map(({ id, text }) => `${id} ${text.replace(`${home.path}/`, '')}`);

describe('what is in force', () => {
  test('goes to the union, left to right, and is shown', async () => {
    await remount('append:c,udba=none,prepend:d=ro,del:b,mod:a=ro+wh');
    expect(session.calls.map(({ name, argument }) => [name, (argument as { kind?: string }).kind])).toEqual(
      [['change', 'add'], ['set', undefined], ['change', 'add'], ['change', 'del'], ['change', 'mod']]);
    expect(shown()).toEqual(['67 d=ro', '64 a=ro', '66 c=ro']);
    expect(findState(running.directory)!.state.options).toBe(`rw,udba=none,br=${at('d')}=ro:${at('a')}=ro+wh:${at('c')}=ro`);
    expect(running.inForce.branches.map((branch) => branch.id)).toEqual([67, 64, 66]);
    expect(logged).toContain('remounted');
  });

  test('is shown without what is gone, and nothing else is left', async () => {
    await remount('del:b');
    expect(readdirSync(running.directory).sort()).toEqual(['br0', 'brid0', 'control', 'mount', 'xi_path']);
  });

  test('the default place of inode numbers stays the first one, until another is given', async () => {
    const place = (): string => readFileSync(path.join(running.directory, 'xi_path'), 'utf8');
    await remount('prepend:c=rw');
    expect(place()).toBe(`${at('a')}/.aufs.xino\n`);
    await remount('xino=x');
    expect(place()).toBe(`${at('x')}\n`);
    await remount('noxino');
    expect(place()).toBe('');
    await running.remount([{ kind: 'union', set: { xino: undefined } }]);
    expect(place()).toBe(`${at('c')}/.aufs.xino\n`);
  });

  test('verbose makes the log tell more', async () => {
    await remount('verbose,quiet');
    expect(verbosity).toEqual([true, false]);
  });

  test('actions are done, and say what there is to say', async () => {
    await expect(running.remount(steps('clean_plink,list_plink,trunc_xino_path=b,itrunc_xino=0'))).resolves.toEqual({ notes: [], output: ['a link'] });
    expect(session.calls).toEqual([
      { name: 'flush-plinks' }, { name: 'list-plinks' }, { name: 'trunc-xino', argument: 1 }, { name: 'trunc-xino', argument: 0 },
    ]);
  });

  test('a union that has no inode number files says so', async () => {
    session.refusals.set('trunc-xino', 'unknown command trunc-xino');
    await expect(running.remount(steps('itrunc_xino=0'))).resolves.toMatchObject({ notes: [expect.stringContaining('no effect')] });
    session.refusals.set('trunc-xino', 'no space');
    await expect(remount('itrunc_xino=0')).rejects.toThrow(/^no space$/);
  });

  test('one remount after the other', async () => {
    await Promise.all([remount('append:c'), remount('del:c'), remount('append:d'), remount('add:2:c')]);
    expect(shown()).toEqual(['64 a=rw', '65 b=ro', '66 c=ro', '67 d=ro']);
  });
});

describe('what cannot be done', () => {
  test.each<[string, string | RegExp]>([
    ['append:nothere', /branch \S+\/nothere does not exist; make the directory first$/],
    ['append:file', 'is not a directory'],
    ['append:file/x', 'does not exist'],
    ['append:.', 'is inside the branch'],
    ['append:m', 'lies in the union itself'],
    ['append:m/sub', 'lies in the union itself'],
    ['del:c', 'is no branch of this union'],
    ['del:nothere', 'is no branch of this union'],
    ['mod:c=ro', 'is no branch of this union'],
    ['add:3:c', /add:3:\S+: there are only 2 branches; INDEX is at most 2/],
    ['itrunc_xino=2', /^there is no branch 2: the union has 2, counted from 0; see tsaufs list$/],
    ['trunc_xino=c', 'is no branch of this union'],
  ])('%s: one line, and nothing is changed', async (text, message) => {
    await expect(remount(text)).rejects.toThrow(message);
    expect(session.calls).toEqual([]);
    expect(shown()).toEqual(['64 a=rw', '65 b=ro']);
  });

  test('a path that is not there stops all, also what is written before it', async () => {
    await expect(remount('append:c,udba=none,del:nothere')).rejects.toThrow('nothere');
    await expect(remount('append:c,append:nothere')).rejects.toThrow('nothere');
    expect(session.calls).toEqual([]);
  });

  test('the first step that fails is the last; those before it are in force', async () => {
    session.refusals.set('set', 'not now');
    await expect(remount('append:c,udba=none,append:d')).rejects.toThrow(/^not now; the options before this one are in force$/);
    expect(shown()).toEqual(['64 a=rw', '65 b=ro', '66 c=ro']);
    expect(findState(running.directory)!.state.options).toBe(`rw,br=${at('a')}=rw:${at('b')}=ro:${at('c')}=ro`);
  });

  test('a link into the union does not hide where a branch lies', async () => {
    symlinkSync(at('m'), at('link'));
    mkdirSync(at('m/sub'));
    await expect(remount('append:link/sub')).rejects.toThrow('lies in the union itself');
  });

  test('a remount of a mount that has ended', async () => {
    const { directory } = running;
    session.end({ reason: 'unmounted' });
    await running.ended;
    session.refusals.set('change', 'not mounted any more');
    await expect(remount('append:c')).rejects.toThrow('not mounted any more');
    expect(existsSync(directory)).toBe(false);
  });
});

describe('by the control socket', () => {
  test('remount and stats', async () => {
    const answer = await callControl(running.directory, {
      command: 'remount', steps: [{ kind: 'change', change: { kind: 'add', index: 'end', branch: { path: at('c'), ...branchMode('ro') } } }],
    });
    expect(answer).toEqual({ notes: [], output: [] });
    expect((session.calls[0].argument as { index: number }).index).toBe(Infinity);
    await expect(callControl(running.directory, { command: 'stats' })).resolves.toEqual({ requests: 7, inodes: 3 });
    await expect(callControl(running.directory, { command: 'remount' })).rejects.toThrow('no steps');
  });
});

describe('the library’s handle', () => {
  test('takes text and objects', async () => {
    const mount = new Mount(running);
    await mount.remount([`append=${at('c')}`, { kind: 'add', branch: { path: at('d'), perm: 'rw', nolwh: true }, index: 0 },
      { kind: 'mod', path: at('a'), mode: 'ro+wh' }, { kind: 'del', path: at('b') }, { kind: 'set', options: { udba: 'none' } }, { kind: 'flush-plinks' }]);
    expect(mount.branches).toEqual([{ id: 67, text: `${at('d')}=rw` }, { id: 64, text: `${at('a')}=ro` }, { id: 66, text: `${at('c')}=ro` }]);
    await mount.remount({ kind: 'mod', path: at('a'), mode: { perm: 'rw' } });
    expect(findState(running.directory)!.state.options).toBe(
      `rw,udba=none,br=${at('d')}=rw+nolwh:${at('a')}=rw:${at('c')}=ro`);
    expect(session.calls.map(({ name }) => name)).toEqual(['change', 'change', 'change', 'change', 'set', 'flush-plinks', 'change']);
  });

  test('refuses what makes no sense with nothing done', async () => {
    const mount = new Mount(running);
    await expect(mount.remount('foo')).rejects.toThrow('unknown mount option "foo"');
    await expect(mount.remount([{ kind: 'del', path: at('b') }, { kind: 'set', options: { colour: 'red' } as object }])).rejects.toThrow('unknown option "colour"');
    await expect(mount.remount({ kind: 'add', branch: at('c'), index: -1 })).rejects.toThrow('the index -1');
    await expect(mount.remount({ kind: 'add', branch: { path: at('c'), wh: true } })).rejects.toThrow('need a perm');
    await expect(mount.remount({ kind: 'dance' } as never)).rejects.toThrow('unknown change "dance"');
    expect(session.calls).toEqual([]);
  });

  test('what has no effect goes to the log', async () => {
    const told: string[] = [];
    await new Mount(running, (level, message) => told.push(`${level} ${message}`)).remount('rdblk=def');
    expect(told).toEqual([expect.stringMatching(/^warn mount option rdblk=def has no effect/)]);
  });
});
