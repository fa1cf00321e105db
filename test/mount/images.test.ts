// Images through a mount: what is imported is seen, and what was changed there comes out again, byte for byte.
import { existsSync, readdirSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { because, missing, noRootMount, program, run, shell, succeed, type Outcome } from '../helpers/process.js';
import { describeTree, treeDifference } from '../helpers/tree.js';
import { describeFiles, dockerArchive, fillTree, imageId, layerOf, tarOf } from '../layers/images.js';
import { temporary } from '../helpers/mounted.js';

const skipped = noRootMount();

function tsaufs(...args: string[]): Promise<string> {
  return succeed(process.execPath, [program, ...args]);
}

function attempt(...args: string[]): Promise<Outcome> {
  return run(process.execPath, [program, ...args]);
}

/** Mounts, gives the mount point, unmounts. */
async function withImage(args: string[], mnt: string, use: () => Promise<void>): Promise<void> {
  mkdirSync(mnt, { recursive: true });
  await tsaufs('image', 'mount', ...args, mnt);
  try {
    await use();
  } finally {
    await tsaufs('umount', mnt);
  }
}

/** What the second layer does to the first. */
async function secondLayer(directory: string): Promise<void> {
  mkdirSync(path.join(directory, 'etc'), { recursive: true });
  await shell(`
    chmod 0751 .; touch -d @1000000000 .
    chown 3:4 etc; chmod 750 etc
    touch etc/.wh.gone; echo changed > etc/passwd; chown 9:9 etc/passwd
    mkdir old; chmod 711 old; touch old/.wh..wh..opq; echo fresh > old/fresh
    touch -d @1000000000.000000489 etc; touch -d @1234567890.5 old
  `, { cwd: directory });
}

/** The same done to a tree. */
async function asSecondLayer(directory: string): Promise<void> {
  await shell(`
    rm etc/gone; rm -r old; mkdir old; chmod 711 old; echo fresh > old/fresh
    echo changed > etc/passwd; chown 9:9 etc/passwd
    touch -d @1000000000.000000489 etc; touch -d @1234567890.5 old; chmod 751 .; touch -d @1000000000 .
  `, { cwd: directory });
}

const changes = `
  rm -r etc/empty home/user; mkdir home/user; echo new > home/user/new
  echo more >> bin/tool; chmod 2711 empty; chown 12:13 fifo
  setfattr -n user.added -v yes old/fresh; ln old/fresh old/again; mv bin moved
  ln -s target symlink; rm null; mknod null b 7 5; touch -d @1300000000.25 tmp
  mkdir -p a/b/c; echo deep > a/b/c/file; chmod 700 .
`;

describe.skipIf(skipped)(`images, mounted${because(skipped)}`, () => {
  it('keeps every file, mode, owner, time, xattr, hard link and whiteout from import to another import', async () => {
    await temporary('/var/tmp', undefined, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      const [store, other] = [['--store', at('store')], ['--store', at('other')]];
      await fillTree(at('tree'));
      mkdirSync(at('upper'));
      await secondLayer(at('upper'));
      dockerArchive(at('image.tar'), [{ layers: [tarOf(at('tree')), tarOf(at('upper'))], names: ['test:1'] }]);
      await asSecondLayer(at('tree'));
      // The layer's own times of what it holds.
      await shell('touch -r upper/etc/passwd tree/etc/passwd; touch -r upper/old/fresh tree/old/fresh', { cwd: root });
      await tsaufs('image', 'import', ...store, at('image.tar'));
      const changed: string[] = [];
      await withImage([...store, '--no-init', 'test:1'], at('mnt'), async () => {
        // AUFS makes its own names in the root of a branch that is written to, which is a change of the root.
        const shown = (lines: string[]): string[] => lines.map((line) => line.replace(/^(\. .*) mtime \d+/, '$1'));
        expect(treeDifference(shown(await describeFiles(at('tree'))), shown(await describeFiles(at('mnt'))))).toEqual([]);
        await shell(changes, { cwd: at('mnt') });
        changed.push(...await describeFiles(at('mnt')));
        await tsaufs('image', 'commit', at('mnt'), 'test:2');
      });
      await tsaufs('image', 'export', ...store, 'test:2', at('layout'));
      await tsaufs('image', 'import', ...other, `${at('layout')}:2`, '--name', 'elsewhere');
      await withImage([...other, '--read-only', 'elsewhere'], at('mnt'), async () => {
        expect(treeDifference(changed, await describeFiles(at('mnt')))).toEqual([]);
      });
      // The image has the same id wherever it went.
      const ids = [store, other].map(async (where) => (await tsaufs('image', 'list', '-q', ...where)).split('\n'));
      const [here, there] = await Promise.all(ids);
      expect(here).toContain(there[0]);
    });
  });

  it('has a container layer on top of an init layer, as Docker has, and mounts a container again', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      const store = ['--store', at('store')];
      dockerArchive(at('image.tar'), [{ layers: [layerOf({ 'etc/hosts': 'mine', 'bin/sh': 'sh' })], names: ['test:1'] }]);
      await tsaufs('image', 'import', ...store, at('image.tar'));
      mkdirSync(at('mnt'));
      const id = (await tsaufs('image', 'mount', ...store, 'test:1', at('mnt'))).trim();
      expect(id).toMatch(/^[0-9a-f]{12}$/);
      const mounts = readdirSync(at('store/image/aufs/layerdb/mounts'));
      expect(mounts).toEqual([expect.stringMatching(`^${id}`)]);
      const mountId = readFileSync(at('store/image/aufs/layerdb/mounts', mounts[0], 'mount-id'), 'utf8');
      const branches = (JSON.parse(await tsaufs('list', '--json')) as { mountpoint: string; branches: { text: string }[] }[])
        .find((mount) => mount.mountpoint === at('mnt'))!.branches.map(({ text }) => path.relative(at('store/aufs/diff'), text));
      expect(branches).toEqual([`${mountId}=rw`, `${mountId}-init=ro+wh`, expect.stringMatching(/^[0-9a-f]{64}=ro\+wh$/)]);
      expect(readFileSync(at('store/aufs/layers', mountId), 'utf8').split('\n')[0]).toBe(`${mountId}-init`);
      expect(readFileSync(at('mnt/etc/hosts'), 'utf8')).toBe('mine');
      expect(existsSync(at('mnt/dev/console'))).toBe(true);
      writeFileSync(at('mnt/kept'), 'kept');
      expect((await attempt('image', 'rm', ...store, '--force', 'test:1')).stderr)
        .toBe(`tsaufs: container ${id} is mounted on ${at('mnt')}; unmount it first with tsaufs umount ${at('mnt')}\n`);
      await tsaufs('umount', at('mnt'));
      await withImage([...store, id], at('mnt'), () => {
        expect(readFileSync(at('mnt/kept'), 'utf8')).toBe('kept');
        return Promise.resolve();
      });
      // What Docker puts into every container is no part of an image made from it.
      await tsaufs('image', 'commit', ...store, id, 'test:2', '-m', 'kept', '-c', 'ENV A=b');
      await withImage([...store, '--read-only', 'test:2'], at('mnt'), () => {
        expect(readdirSync(at('mnt')).sort()).toEqual(['bin', 'etc', 'kept']);
        return Promise.resolve();
      });
      expect(await tsaufs('image', 'history', ...store, 'test:2')).toMatch(/tsaufs image commit +kept/);
      await tsaufs('image', 'rm', ...store, id);
      expect(readdirSync(at('store/aufs/diff'))).toHaveLength(2);
      expect(readdirSync(at('store/containers'))).toEqual([]);
    });
  });

  it('leaves nothing behind where the mount fails', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const store = ['--store', path.join(root, 'store')];
      dockerArchive(path.join(root, 'image.tar'), [{ layers: [layerOf({ a: 'a' })], names: ['test:1'] }]);
      await tsaufs('image', 'import', ...store, path.join(root, 'image.tar'));
      const before = await describeTree(path.join(root, 'store/aufs'), 'content');
      const { status, stderr } = await attempt('image', 'mount', ...store, 'test:1', path.join(root, 'missing'));
      expect({ status, lines: stderr.split('\n').length }).toEqual({ status: 1, lines: 2 });
      expect(treeDifference(before, await describeTree(path.join(root, 'store/aufs'), 'content'))).toEqual([]);
      expect((await attempt('image', 'mount', ...store, 'test:1', root, '-o', 'br=/tmp')).stderr)
        .toBe('tsaufs: the branches are those of the image; leave br=, add= and their like out of -o\n');
    });
  });

  const noSkopeo = missing('skopeo');
  it.skipIf(noSkopeo)(`writes what skopeo reads and copies${because(noSkopeo)}`, async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      const [store, other] = [['--store', at('store')], ['--store', at('other')]];
      const image = { layers: [layerOf({ 'etc/a': 'a', 'etc/b': 'b' }), layerOf({ 'etc/.wh.a': '' })], names: ['test:1'] };
      dockerArchive(at('image.tar'), [image]);
      await tsaufs('image', 'import', ...store, at('image.tar'));
      await tsaufs('image', 'export', ...store, 'test:1', at('layout'));
      await tsaufs('image', 'export', ...store, 'test:1', at('oci.tar'));
      await tsaufs('image', 'export', ...store, 'test:1', at('docker.tar'), '--format', 'docker');
      const skopeo = (...args: string[]): Promise<string> => succeed('skopeo', ['--insecure-policy', '--tmpdir', root, ...args]);
      const config = JSON.parse(await skopeo('inspect', '--config', `oci:${at('layout')}:1`)) as { rootfs: { diff_ids: string[] } };
      expect(config.rootfs.diff_ids).toHaveLength(2);
      // Each is read as a whole, with its digests checked, and comes back as the same image.
      for (const [index, from] of [`oci:${at('layout')}:1`, `oci-archive:${at('oci.tar')}`, `docker-archive:${at('docker.tar')}`].entries()) {
        await skopeo('copy', from, `docker-archive:${at(`${index}.tar`)}:copy:${index}`);
        await tsaufs('image', 'import', ...other, at(`${index}.tar`));
      }
      const { images } = JSON.parse(await tsaufs('image', 'list', '--json', ...other)) as { images: { id: string; names: string[] }[] };
      expect(images.map(({ id, names }) => ({ id, names }))).toEqual([{ id: imageId(image), names: ['copy:0', 'copy:1', 'copy:2'] }]);
    });
  });
});
