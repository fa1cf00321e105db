// The library as its users import it: compiled.
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type * as Library from '../src/index.js';
import { mountAt } from '../src/daemon/mount-table.js';
import { run, until, whyNoMount } from './cli/program.js';

const library = '../dist/index.js';
const { mount, listMounts, OptionError, MountError } = await import(library) as typeof Library;
const obstacle = whyNoMount();

let home: tmp.DirectoryResult;
let root: string;
let mountpoint: string;
beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  mountpoint = path.join(root, 'm');
  for (const name of ['a', 'b', 'm']) mkdirSync(path.join(root, name));
  writeFileSync(path.join(root, 'b/low'), 'low');
});
afterEach(async () => {
  while (mountAt(mountpoint)) await run('umount', ['-l', mountpoint]);
  await home.cleanup();
});

describe.skipIf(obstacle !== undefined)(`mount()${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  test('a handle with branches and events, until it is unmounted', async () => {
    const union = await mount({ mountpoint, branches: [`${root}/a`, { path: `${root}/b`, perm: 'ro', wh: true }] });
    try {
      expect(union.mountpoint).toBe(mountpoint);
      expect(union.branches).toMatchObject([{ id: 64, text: `${root}/a=rw` }, { id: 65, text: `${root}/b=ro+wh` }]);
      expect(listMounts().find((each) => each.mountpoint === mountpoint)).toMatchObject({ pid: process.pid, background: false });
      const seen: string[] = [];
      union.on('event', (event) => seen.push(`${event.kind} ${event.path}`));
      const copied = new Promise<Library.UnionEvent>((resolve) => union.once('copy-up', resolve));
      await appendFile(path.join(mountpoint, 'low'), '+');
      expect(await copied).toMatchObject({ path: '/low', from: `${root}/b`, branch: `${root}/a`, bytes: 3 });
      await writeFile(path.join(mountpoint, 'ü'), '');
      await rename(path.join(mountpoint, 'ü'), path.join(mountpoint, 'x'));
      await unlink(path.join(mountpoint, 'low'));
      await mkdir(path.join(mountpoint, 'd'));
      await until(() => seen.includes('mkdir /d'));
      expect(seen).toEqual(expect.arrayContaining(['create /ü', 'rename /x', 'whiteout /low', 'unlink /low']));
    } finally {
      await union.unmount();
    }
    await union.ended;
    expect(mountAt(mountpoint)).toBeUndefined();
    expect(existsSync(path.join(root, 'a/.wh.low'))).toBe(true);
    expect(listMounts().some((each) => each.mountpoint === mountpoint)).toBe(false);
  });

  test('typed options, and options as text', async () => {
    const union = await mount({ mountpoint, branches: [`${root}/a`], options: `append=${root}/b=ro+wh`, udba: 'none', nosuid: true, source: 'there' });
    try {
      expect(union.branches.map((branch) => branch.text)).toEqual([`${root}/a=rw`, `${root}/b=ro+wh`]);
      expect(mountAt(mountpoint)).toMatchObject({ source: 'there', type: 'fuse.tsaufs' });
      expect(listMounts().find((each) => each.mountpoint === mountpoint)?.options).toMatch(/^rw,nosuid,udba=none,br=/);
    } finally {
      await union.unmount();
    }
  });

  test('an unmount from outside ends it', async () => {
    const union = await mount({ mountpoint, branches: [`${root}/a`, `${root}/b`] });
    expect((await run('umount', [mountpoint])).status).toBe(0);
    await union.ended;
    expect(listMounts().some((each) => each.mountpoint === mountpoint)).toBe(false);
  });

  test('what cannot be mounted leaves nothing behind', async () => {
    const missing = mount({ mountpoint, branches: [`${root}/a`, `${root}/nothere`] });
    await expect(missing).rejects.toThrow(/^[^\n]*nothere[^\n]*$/);
    await expect(missing).rejects.toThrow(MountError);
    await expect(mount({ mountpoint: path.join(root, 'none'), branches: [`${root}/a`] })).rejects.toThrow(MountError);
    expect(mountAt(mountpoint)).toBeUndefined();
  });
});

describe('bad options', () => {
  test.each<[Partial<Library.MountOptions>, string]>([
    [{ branches: [] }, 'no branches given'],
    [{ branches: ['/a'], options: 'foo' }, 'unknown mount option "foo"'],
    [{ branches: ['/a'], colour: 'red' } as Partial<Library.MountOptions>, 'unknown option "colour"'],
    [{ branches: [{ path: '/a', wh: true }] }, 'attributes need a perm'],
  ])('%j', async (options, message) => {
    const outcome = mount({ mountpoint, branches: [], ...options });
    await expect(outcome).rejects.toThrow(OptionError);
    await expect(outcome).rejects.toThrow(message);
  });
});
