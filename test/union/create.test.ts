import { lstatSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { getSecurebits, keepCapabilities, setSecurebits, umask } from '../../src/posix/credentials.js';
import { O } from '../../src/posix/file.js';
import { S } from '../../src/posix/stat.js';
import { failure, isRoot, makeUnion, scratch, useUnions, type TestUnion } from './helpers.js';

useUnions();

const makers: [string, (t: TestUnion, path: string) => void, string][] = [
  ['create', (t, path) => void t.make(path, ''), ''],
  ['mknod', (t, path) => void t.mknod(path, S.IFREG | 0o644), ''],
  ['mknod of a fifo', (t, path) => void t.mknod(path, S.IFIFO | 0o644), ''],
  ['symlink', (t, path) => void t.symlink(path, 'to'), '@'],
  ['mkdir', (t, path) => void t.mkdir(path), '/'],
];

describe.each(makers)('%s', (_name, make, mark) => {
  test('goes to the writable branch, with the parents', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/e/low': '' }]]);
    make(t, 'd/e/new');
    expect(t.names(0)).toEqual(['d/', 'd/e/', `d/e/new${mark}`]);
    expect(t.ls('d/e')).toEqual(['low', 'new']);
    expect(t.leftovers(0)).toEqual([]);
  });

  test('EEXIST for what is on any branch', () => {
    const t = makeUnion([['rw', { a: '' }], ['ro', { b: '', d: null, l: { to: 'nowhere' } }]]);
    for (const name of ['a', 'b', 'd', 'l']) expect(failure(() => make(t, name))).toBe('EEXIST');
    expect(t.names(0)).toEqual(['a']);
  });

  test('takes the place of its whiteout', () => {
    const t = makeUnion([['rw', { '.wh.a': '', '.wh.b': '' }], ['ro', { a: 'low', b: '' }]]);
    make(t, 'a');
    expect(t.names(0).filter((name) => name !== 'a/.wh..wh..opq')).toEqual(['.wh.b', `a${mark}`]);
    expect(t.told()).toContain('unwhiteout /a');
    expect(t.ls()).toEqual(['a']);
  });

  test('takes the place of what lies beside its whiteout', () => {
    const outside = scratch();
    writeFileSync(`${outside}/precious`, '');
    const t = makeUnion([['rw', { '.wh.a': '', 'a/x/y': '', '.wh.b': '', b: 'B', '.wh.l': '', l: { to: outside } }], ['ro']]);
    for (const name of ['a', 'b', 'l']) make(t, name);
    expect(t.ls()).toEqual(['a', 'b', 'l']);
    expect(t.names(0).filter((name) => name.includes('x') || name.startsWith('.wh'))).toEqual([]);
    expect(lstatSync(`${outside}/precious`).isFile()).toBe(true);
  });

  test('EROFS where nothing is writable, or only something below', () => {
    expect(failure(() => make(makeUnion([['ro'], ['ro']]), 'a'))).toBe('EROFS');
    expect(failure(() => make(makeUnion([['rw']], { readonly: true }), 'a'))).toBe('EROFS');
  });

  test('ENOENT in a directory that is removed', () => {
    const t = makeUnion([['rw', { d: null }]]);
    const d = t.walk('d');
    const handle = t.opendir('d');
    t.rmdir('d');
    expect(failure(() => t.union.mkdir(d, 'x', 0o755, t.statNode(t.root)))).toBe('ENOENT');
    t.releasedir(handle);
  });
});

describe('create', () => {
  test('opens what it makes', () => {
    const t = makeUnion([['rw'], ['ro']]);
    const handle = t.create('a', O.RDWR | O.EXCL, 0o640);
    expect(t.writeTo(handle, 'text')).toBe(4);
    expect(t.readFrom(handle)).toBe('text');
    expect(t.text(0, 'a')).toBe('text');
    expect(t.told()).toEqual(['create /a']);
    expect(t.u.files.count).toBe(1);
  });

  test('a mode that forbids what it was opened for', () => {
    const t = makeUnion([['rw']]);
    const handle = t.create('a', O.WRONLY | O.EXCL, 0o400);
    expect(t.writeTo(handle, 'x')).toBe(1);
    expect(t.lstat(0, 'a').mode & 0o777).toBe(0o400);
  });

  test('without O_EXCL opens the existing file', () => {
    const t = makeUnion([['rw'], ['ro', { a: 'low' }]]);
    expect(failure(() => t.create('a', O.RDWR | O.EXCL))).toBe('EEXIST');
    const handle = t.create('a', O.RDWR);
    expect(handle.node).toBe(t.walk('a'));
    expect(t.readFrom(handle)).toBe('low');
    expect(t.names(0)).toEqual([]);
  });

  test('without O_EXCL a failure to open leaves no node behind', () => {
    const t = makeUnion([['ro'], ['ro', { a: 'low' }]]);
    // As after a negative lookup: the kernel has no node of it.
    expect(failure(() => t.union.create(t.root, 'a', O.RDWR, 0o644, t.statNode(t.root)))).toBe('EROFS');
    expect(t.union.nodes.size).toBe(1);
  });

  test('a new file under the inode number of an old one is another node', () => {
    const t = makeUnion([['rw']], { on: '/var/tmp' });
    const node = t.make('a', 'A');
    const handle = t.open('a');
    t.unlink('a');
    const again = t.make('a', 'B');
    expect(again).not.toBe(node);
    expect([t.readFrom(handle), t.read('a')]).toEqual(['A', 'B']);
  });
});

describe.skipIf(!isRoot)('the caller', () => {
  test('owns what it makes; its umask holds', () => {
    const securebits = getSecurebits();
    const before = umask(0o022);
    try {
      keepCapabilities();
      const t = makeUnion([['rw'], ['ro', { 'd/low': '' }]]);
      Object.assign(t.union.caller, { uid: 1001, gid: 1002, pid: 7, umask: 0o027 });
      t.make('d/file', 'x', 0o666);
      t.mkdir('d/dir', 0o777);
      t.mknod('d/fifo', S.IFIFO | 0o666);
      t.symlink('d/link', 'to');
      const temporary = t.tmpfile('d', O.RDWR, 0o666);
      for (const [name, mode] of [['file', 0o640], ['dir', 0o750], ['fifo', 0o640], ['link', 0o777]] as const) {
        const st = t.lstat(0, `d/${name}`);
        expect([name, st.uid, st.gid, st.mode & 0o7777]).toEqual([name, 1001, 1002, mode]);
      }
      const st = t.statNode(temporary.node);
      expect([st.uid, st.gid, st.mode & 0o7777]).toEqual([1001, 1002, 0o640]);
      expect([t.lstat(0, 'd').uid, t.lstat(0, 'd').mode & 0o777]).toEqual([0, 0o755]);
      expect(t.events.map((event) => event.pid)).toEqual(t.events.map(() => 7));
      // And nothing of ours is made as the caller.
      t.unlink('d/low');
      expect(t.lstat(0, 'd/.wh.low').uid).toBe(0);
    } finally {
      umask(before);
      setSecurebits(securebits);
    }
  });

  test('a set-gid directory gives its group', () => {
    const securebits = getSecurebits();
    try {
      keepCapabilities();
      const t = makeUnion([['rw'], ['ro', { d: { dir: true, gid: 77, mode: 0o2777 } }]]);
      Object.assign(t.union.caller, { uid: 1001, gid: 1002 });
      t.make('d/file');
      t.mkdir('d/dir');
      expect([t.lstat(0, 'd/file').gid, t.lstat(0, 'd/dir').gid, t.lstat(0, 'd/dir').mode & 0o7000]).toEqual([77, 77, 0o2000]);
    } finally {
      setSecurebits(securebits);
    }
  });
});

describe('mkdir', () => {
  test('over a whiteout is opaque: what lay below does not come up again', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/a': '' }]]);
    t.unlink('d/a');
    t.rmdir('d');
    t.mkdir('d');
    expect(t.names(0)).toEqual(['d/', 'd/.wh..wh..opq']);
    expect(t.lstat(0, 'd/.wh..wh..opq').ino).toBe(t.lstat(0, '.wh..wh.aufs').ino);
    expect(t.ls('d')).toEqual([]);
    expect(t.told().slice(-3)).toEqual(['opaque /d', 'unwhiteout /d', 'mkdir /d']);
    expect(t.walk('d').limit).toBe(0);
  });

  test('elsewhere is not, unless diropq=a', () => {
    const plain = makeUnion([['rw'], ['ro']]);
    plain.mkdir('d');
    expect(plain.names(0)).toEqual(['d/']);
    const always = makeUnion([['rw'], ['ro']], { diropq: 'a' });
    always.mkdir('d');
    expect(always.names(0)).toEqual(['d/', 'd/.wh..wh..opq']);
  });

  test('over a whiteout on a lower branch needs neither: the whiteout still hides', () => {
    const t = makeUnion([['rw'], ['ro+wh', { '.wh.d': '' }], ['ro', { 'd/a': '' }]]);
    t.mkdir('d');
    expect(t.ls('d')).toEqual([]);
    t.forgetAll();
    expect(t.ls('d')).toEqual([]);
  });
});

describe('tmpfile', () => {
  test('has no name, and gets one by link', () => {
    const t = makeUnion([['rw'], ['ro', { 'd/low': '' }]]);
    const handle = t.tmpfile('d');
    t.writeTo(handle, 'text');
    expect(t.names(0)).toEqual(['d/']);
    expect(t.ls('d')).toEqual(['low']);
    expect(t.statNode(handle.node).nlink).toBe(0);
    t.linkNode(handle.node, 'd/new');
    expect(t.read('d/new')).toBe('text');
    expect(t.walk('d/new')).toBe(handle.node);
    expect(t.stat('d/new').nlink).toBe(1);
    t.unlink('d/new');
    expect(t.readFrom(handle)).toBe('text');
  });

  test('takes the place of a whiteout when linked', () => {
    const t = makeUnion([['rw', { '.wh.a': '' }], ['ro', { a: 'low' }]]);
    const handle = t.tmpfile();
    t.linkNode(handle.node, 'a');
    expect(t.names(0)).toEqual(['a']);
  });

  test('EROFS, and nothing is left open', () => {
    expect(failure(() => makeUnion([['ro']]).tmpfile())).toBe('EROFS');
  });

  test('is gone without a trace when nobody has it open', () => {
    const t = makeUnion([['rw']]);
    const handle = t.tmpfile();
    t.release(handle);
    t.forgetAll();
    expect([t.union.nodes.size, t.names(0)]).toEqual([1, []]);
  });
});
