import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import tmp from 'tmp-promise';
import { extract, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GraphDriver } from '../../../src/layers/graphdriver/driver.js';
import { formatMode } from '../../../src/options/branch.js';
import { FakeMounter, fill, layer, newDriver, noMaps, type Kept } from './helpers.js';

let directory: tmp.DirectoryResult;
let home: string;
let mounter: FakeMounter;
let kept: Kept;
let driver: GraphDriver;

beforeEach(async () => {
  directory = await tmp.dir({ unsafeCleanup: true });
  home = path.join(directory.path, 'tsaufs');
  mounter = new FakeMounter();
  kept = { state: undefined };
  driver = newDriver(mounter, kept);
  await driver.init({ home, ...noMaps });
});

afterEach(() => directory.cleanup());

const on = (...names: string[]): string => path.join(home, ...names);
const isRoot = process.geteuid!() === 0;

async function names(archive: Readable): Promise<string[]> {
  const found: string[] = [];
  const reading = extract();
  archive.on('error', (error) => reading.destroy(error));
  archive.pipe(reading);
  for await (const entry of reading) {
    found.push(`${entry.header.name}${entry.header.type === 'link' ? `>${entry.header.linkname}` : ''} ${entry.header.uid}`);
    entry.resume();
  }
  return found.sort();
}

describe('the store', () => {
  test('has a directory for each layer, one to mount on, and the list of those below', async () => {
    await layer(driver, 'base');
    await layer(driver, 'middle', 'base');
    await layer(driver, 'top', 'middle');
    expect(readdirSync(home).sort()).toEqual(['diff', 'layers', 'mnt']);
    for (const kind of ['diff', 'mnt', 'layers']) expect(readdirSync(on(kind)).sort()).toEqual(['base', 'middle', 'top']);
    expect(readFileSync(on('layers/top'), 'latin1')).toBe('middle\nbase\n');
    expect(readFileSync(on('layers/base'), 'latin1')).toBe('');
    expect(statSync(home).mode & 0o7777).toBe(0o710);
    expect(statSync(on('diff/top')).mode & 0o7777).toBe(0o755);
    expect(await driver.exists('top')).toBe(true);
    expect(await driver.exists('none')).toBe(false);
    expect(Object.fromEntries(await driver.status())).toMatchObject({ 'Root Dir': home, 'Dirs': '3' });
  });

  test('the same layer again is no error, since an answer may be lost; another one is', async () => {
    await layer(driver, 'base');
    await layer(driver, 'top', 'base');
    await layer(driver, 'top', 'base');
    await expect(layer(driver, 'top')).rejects.toThrow('the layer top exists already, with other layers below it');
    await expect(layer(driver, 'x', 'none')).rejects.toThrow('there is no layer none');
    expect(readdirSync(on('diff')).sort()).toEqual(['base', 'top']);
  });

  test.each(['../x', '/etc', '', '.', '..', 'a/b', 'a\0b', '.hidden', 'x-removing'])('the id %j is refused', async (id) => {
    await expect(layer(driver, id)).rejects.toThrow(/no layer is named|is no id of a layer/);
    await expect(driver.remove(id)).rejects.toThrow(/no layer is named|is no id of a layer/);
    expect(readdirSync(directory.path)).toEqual(['tsaufs']);
  });

  test('a layer is removed with names that are no UTF-8, and again without an error', async () => {
    await layer(driver, 'base');
    writeFileSync(Buffer.concat([Buffer.from(on('diff/base/')), Buffer.from([0xff, 0xfe])]), '');
    mkdirSync(Buffer.concat([Buffer.from(on('diff/base/')), Buffer.from([0xfd])]));
    await driver.remove('base');
    await driver.remove('base');
    for (const kind of ['diff', 'mnt', 'layers']) expect(readdirSync(on(kind))).toEqual([]);
  });

  test('what lies at a mount point is never removed', async () => {
    await layer(driver, 'base');
    fill(on('mnt/base'), { volume: 'precious' });
    await expect(driver.remove('base')).rejects.toThrow('ENOTEMPTY');
    expect(readFileSync(on('mnt/base/volume'), 'latin1')).toBe('precious');
  });

  test('what a driver before left half done is cleared away', async () => {
    fill(home, { 'diff/old-removing/file': '', 'layers/.0123': '', '.merged-x/file': '' });
    await newDriver(mounter, kept).init({ home, ...noMaps });
    expect([readdirSync(home).sort(), readdirSync(on('diff')), readdirSync(on('layers'))]).toEqual([['diff', 'layers', 'mnt'], [], []]);
  });
});

describe('mounting', () => {
  beforeEach(async () => {
    await layer(driver, 'base');
    await layer(driver, 'top-init', 'base');
    await layer(driver, 'top', 'top-init');
  });

  test('a layer is mounted on those below, with the options that Docker gave to AUFS', async () => {
    expect(await driver.get('top', '')).toBe(on('mnt/top'));
    const { union, mount } = mounter.mounted.get(on('mnt/top'))!;
    expect(union.branches.map((branch) => `${branch.path}=${formatMode(branch)}`))
      .toEqual([`${on('diff/top')}=rw`, `${on('diff/top-init')}=ro+wh`, `${on('diff/base')}=ro+wh`]);
    expect(union).toMatchObject({ dio: true, dirperm1: true });
    expect(mount).toMatchObject({ allowOther: true, nodev: false, nosuid: false, readonly: false });
  });

  test('a layer with none below it is used as it is', async () => {
    expect(await driver.get('base', '')).toBe(on('diff/base'));
    await driver.put('base');
    expect(mounter.mounted.size).toBe(0);
  });

  test('the last one to put a layer back unmounts it', async () => {
    await Promise.all([driver.get('top', ''), driver.get('top', ''), driver.get('top', '')]);
    await driver.put('top');
    await driver.put('top');
    expect(mounter.mounted.size).toBe(1);
    await driver.put('top');
    expect(mounter.mounted.size).toBe(0);
    await driver.put('top');
  });

  test('a mount that fails is nobody\'s', async () => {
    mounter.refusal = 'no /dev/fuse';
    await expect(driver.get('top', '')).rejects.toThrow('no /dev/fuse');
    mounter.refusal = undefined;
    await driver.get('top', '');
    await driver.put('top');
    expect(mounter.mounted.size).toBe(0);
  });

  test('another process of the driver goes on without Docker telling it again', async () => {
    await driver.get('top', '');
    await driver.get('top', '');
    const next = newDriver(mounter, kept);
    await next.put('top');
    expect(mounter.mounted.size).toBe(1);
    await next.put('top');
    expect(mounter.mounted.size).toBe(0);
  });

  test('Docker that begins anew finds what is mounted to be used once', async () => {
    await driver.get('top', '');
    await driver.get('top', '');
    await driver.init({ home, ...noMaps });
    // For a container that lives on, Docker gets the layer and puts it back at once.
    await driver.get('top', '');
    await driver.put('top');
    expect(mounter.mounted.size).toBe(1);
    await driver.put('top');
    expect(mounter.mounted.size).toBe(0);
  });

  test('a dead union is mounted anew', async () => {
    await driver.get('top', '');
    mounter.dead.add(on('mnt/top'));
    expect(await driver.get('top', '')).toBe(on('mnt/top'));
    expect([mounter.mounted.size, mounter.dead.size]).toEqual([1, 0]);
  });

  test('removing a layer unmounts it', async () => {
    await driver.get('top', '');
    await driver.remove('top');
    expect(mounter.mounted.size).toBe(0);
    expect(existsSync(on('diff/top'))).toBe(false);
    expect(JSON.parse(kept.state!)).toMatchObject({ references: {} });
  });

  test('at the end all are unmounted, and nothing is kept', async () => {
    await driver.get('top', '');
    await driver.get('top-init', '');
    await driver.cleanup();
    expect([mounter.mounted.size, kept.state]).toEqual([0, undefined]);
  });

  test('before Docker has begun there is nothing to use', async () => {
    await expect(newDriver(mounter, { state: undefined }).get('top', '')).rejects.toThrow('Docker has not called GraphDriver.Init yet');
  });
});

describe('options', () => {
  test('of --storage-opt are those of a mount', async () => {
    await driver.init({ home, ...noMaps, options: ['tsaufs.mountopt=udba=none,noatime', 'mountopt=nodev'] });
    await layer(driver, 'base');
    await layer(driver, 'top', 'base');
    await driver.get('top', '');
    const { union, mount } = mounter.mounted.get(on('mnt/top'))!;
    expect([union.udba, mount.atime, mount.nodev]).toEqual(['none', 'noatime', true]);
  });

  test.each([
    ['size=10G', '--storage-opt size=10G: there is only mountopt'],
    ['tsaufs.mountopt=', 'there is only mountopt'],
    ['mountopt=bogus', '--storage-opt tsaufs.mountopt=bogus: unknown mount option "bogus"'],
    ['mountopt=br=/x', 'branches and single actions are for the driver to name'],
    ['mountopt=append=/x', 'branches and single actions are for the driver to name'],
    ['mountopt=ro', 'containers need to write'],
  ])('%s is refused', async (option, reason) => {
    await expect(driver.init({ home, ...noMaps, options: [option] })).rejects.toThrow(reason);
  });

  test('a container has none of its own, and no SELinux label', async () => {
    await expect(driver.create({ id: 'x', parent: '', mountLabel: '', storageOptions: { size: '1G' } })).rejects.toThrow('(size)');
    await expect(driver.create({ id: 'x', parent: '', mountLabel: 'a:b', storageOptions: {} })).rejects.toThrow('--selinux-enabled');
    await expect(driver.init({ home: 'relative', ...noMaps })).rejects.toThrow('must be absolute');
  });
});

describe('archives', () => {
  beforeEach(async () => {
    await layer(driver, 'base');
    await layer(driver, 'middle', 'base');
    await layer(driver, 'top', 'middle');
    fill(on('diff/base'), { 'etc/motd': 'hello', 'dir/one': '1', 'dir/two': '2', 'file': '', 'gone': '' });
    fill(on('diff/middle'), { 'etc/motd': 'hello again', '.wh.gone': '', 'dir/.wh.one': '', 'file/inside': 'a directory now', '.wh..wh.aufs': '', '.wh..wh.plnk/1.2': '' });
    fill(on('diff/top'), { 'gone/back': '', 'dir/three': '33', '.wh.file': '', 'etc/.wh..wh..opq': '', 'etc/new': '' });
  });

  test('of a layer has its own files with their whiteouts, and not AUFS\'s', async () => {
    expect((await names(await driver.diff('middle', 'base'))).map((line) => line.split(' ')[0]))
      .toEqual(['./', '.wh.gone', 'dir/', 'dir/.wh.one', 'etc/', 'etc/motd', 'file/', 'file/inside']);
    expect(await driver.diffSize('middle', 'base')).toBe(26);
  });

  test('of several layers has what is left of them', async () => {
    const before = readdirSync(on('diff/top'));
    expect((await names(await driver.diff('top', 'base'))).map((line) => line.split(' ')[0])).toEqual([
      './', '.wh.file', 'dir/', 'dir/.wh.one', 'dir/three', 'etc/', 'etc/.wh..wh..opq', 'etc/new', 'gone/', 'gone/.wh..wh..opq', 'gone/back',
    ]);
    expect(readdirSync(home).sort()).toEqual(['diff', 'layers', 'mnt']);
    expect(readdirSync(on('diff/top'))).toEqual(before);
    expect((await names(await driver.diff('top', ''))).map((line) => line.split(' ')[0])).toContain('dir/two');
    await expect(driver.diff('base', 'top')).rejects.toThrow('the layer base does not have top below it');
  });

  test('changes are told as Docker numbers them', async () => {
    const kinds = async (id: string, parent: string): Promise<string[]> =>
      (await driver.changes(id, parent)).map(({ Path, Kind }) => `${'CAD'[Kind]} ${Path}`);
    expect(await kinds('middle', 'base')).toEqual(['C /dir', 'D /dir/one', 'C /etc', 'C /etc/motd', 'C /file', 'A /file/inside', 'D /gone']);
    expect(await kinds('top', 'middle')).toEqual(['C /dir', 'A /dir/three', 'C /etc', 'D /etc/motd', 'A /etc/new', 'D /file', 'A /gone', 'A /gone/back']);
    expect(await kinds('base', '')).toContain('A /dir/one');
    expect(await kinds('top', 'base')).toContain('D /dir/one');
  });

  test('of a mounted layer waits for its pseudo-links', async () => {
    await driver.get('top', '');
    await (await driver.diff('top', 'middle')).toArray();
    expect(mounter.settled).toEqual([on('mnt/top')]);
  });

  test('an archive is added to its layer, which has its size then', async () => {
    await layer(driver, 'more', 'top');
    const copy = await buffer(await driver.diff('top', 'middle'));
    expect(await driver.applyDiff('more', 'top', Readable.from([copy]))).toBe(2);
    expect(readdirSync(on('diff/more')).sort()).toEqual(['.wh.file', 'dir', 'etc', 'gone']);
    await expect(driver.applyDiff('more', 'base', Readable.from([copy]))).rejects.toThrow('not directly above base');
  });

  test('the rest of an archive is not taken for all of it', async () => {
    await layer(driver, 'more', 'top');
    const copy = await buffer(await driver.diff('top', 'middle'));
    const half = new PassThrough();
    half.write(copy.subarray(0, 1024));
    const filling = driver.applyDiff('more', 'top', half).catch((error: unknown) => (error as Error).message);
    while (kept.state?.includes('"unfinished":[]')) await new Promise((resolve) => setTimeout(resolve, 5));
    // The driver is killed; Docker finds the next one.
    const next = newDriver(mounter, kept);
    await expect(next.applyDiff('more', 'top', Readable.from([copy.subarray(1024)]))).rejects.toThrow('has a part of an archive already');
    half.destroy(new Error('cut off'));
    expect(await filling).toMatch(/cut off/);
    await next.remove('more');
    await layer(next, 'more', 'top');
    expect(await next.applyDiff('more', 'top', Readable.from([copy]))).toBe(2);
    expect(kept.state).toContain('"unfinished":[]');
  });

  test('a hostile archive is refused', async () => {
    await layer(driver, 'more', 'top');
    const archive = pack();
    archive.entry({ name: '../../escaped' }, 'x');
    archive.finalize();
    await expect(driver.applyDiff('more', 'top', Readable.from(archive))).rejects.toThrow(/escaped/);
    expect(readdirSync(directory.path)).toEqual(['tsaufs']);
    expect(readdirSync(home).sort()).toEqual(['diff', 'layers', 'mnt']);
  });

  test.runIf(isRoot)(`owners are mapped in and out${isRoot ? '' : ' (skipped: not root)'}`, async () => {
    const maps = [{ container_id: 0, host_id: 100_000, size: 1000 }];
    await driver.init({ home, options: [], uidMaps: maps, gidMaps: maps });
    await layer(driver, 'mapped');
    expect(statSync(on('diff/mapped'))).toMatchObject({ uid: 100_000, gid: 100_000 });
    const archive = pack();
    archive.entry({ name: 'root', uid: 0, gid: 0 }, 'x');
    archive.entry({ name: 'user', uid: 7, gid: 8 }, 'x');
    archive.entry({ name: '.wh.gone' }, '');
    archive.finalize();
    await driver.applyDiff('mapped', '', Readable.from(archive));
    expect(statSync(on('diff/mapped/user'))).toMatchObject({ uid: 100_007, gid: 100_008 });
    // As the union's process makes it.
    fill(on('diff/mapped'), { '.wh.other': '' });
    expect(await names(await driver.diff('mapped', ''))).toEqual(['./ 0', '.wh.gone 100000', '.wh.other 0', 'root 0', 'user 7']);
    const foreign = pack();
    foreign.entry({ name: 'nobody', uid: 65534 }, '');
    foreign.finalize();
    await expect(driver.applyDiff('mapped', '', Readable.from(foreign))).rejects.toThrow('no place for the id 65534');
  });
});
