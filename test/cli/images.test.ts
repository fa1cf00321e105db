import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { temporary } from '../helpers/mounted.js';
import { because, missing, nobody, noUserMount, program, run, succeed, until, type Outcome } from '../helpers/process.js';
import { dockerArchive, imageId, layerOf, sha256, tarOf } from '../layers/images.js';

function attempt(...args: string[]): Promise<Outcome> {
  return run(process.execPath, [program, 'image', ...args]);
}

interface Listed {
  images: { id: string; names: string[] }[];
  containers: unknown[];
}

async function list(store: string): Promise<Listed> {
  return JSON.parse(await succeed(process.execPath, [program, 'image', 'list', '--json', '--store', store])) as Listed;
}

/** A gzip member of zeros as often as it takes: what a large file is made of, and small. */
function largeImage(file: string, megabytes: number): void {
  const size = megabytes << 20;
  const header = Buffer.alloc(512);
  header.write('large', 0);
  header.write('0000644\0' + '0000000\0' + '0000000\0', 100);
  header.write(`${size.toString(8).padStart(11, '0')}\0` + `${'0'.repeat(11)}\0` + ' '.repeat(8) + '0', 124);
  header.write('ustar\0' + '00', 257, 'latin1');
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  // Random, so that it is no hole and takes its time.
  const piece = gzipSync(Buffer.alloc(1 << 20, sha256('piece')), { level: 1 });
  const layer = Buffer.concat([gzipSync(header), ...Array<Buffer>(megabytes).fill(piece), gzipSync(Buffer.alloc(1024))]);
  const config = JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [`sha256:${sha256('not reached')}`] } });
  dockerArchive(file, [], (directory) => {
    writeFileSync(path.join(directory, 'config'), config);
    writeFileSync(path.join(directory, 'layer'), layer);
    writeFileSync(path.join(directory, 'manifest.json'), '[{"Config":"config","RepoTags":["large:1"],"Layers":["layer"]}]');
  });
}

describe('tsaufs image', () => {
  it('shows nothing of an import that was killed, and cleans up at the next', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      const small = { layers: [layerOf({ a: 'a' })], names: ['small:1'] };
      dockerArchive(at('small.tar'), [small]);
      expect((await attempt('import', '--store', at('store'), at('small.tar'))).stdout).toBe(`small:1  ${imageId(small).slice(7, 19)}\n`);
      largeImage(at('large.tar'), 600);
      const child = spawn(process.execPath, [program, 'image', 'import', '--store', at('store'), at('large.tar')], { stdio: 'ignore' });
      await until(() => readdirSync(at('store/aufs/diff')).length === 2 || child.exitCode !== null);
      // Others can look meanwhile.
      const during = await list(at('store'));
      child.kill('SIGKILL');
      const [, signal] = await once(child, 'exit') as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      expect([during, await list(at('store'))]).toEqual(Array(2).fill({ images: [expect.objectContaining({ id: imageId(small), names: ['small:1'] })], containers: [] }));
      expect(readdirSync(at('store/aufs/diff'))).toHaveLength(2);
      await attempt('import', '--store', at('store'), at('small.tar'));
      expect([readdirSync(at('store/aufs/diff')).length, readdirSync(at('store/image/aufs/layerdb/tmp')), readdirSync(at('store/tmp'))]).toEqual([1, [], []]);
    });
  });

  it('lets imports at the same time wait for each other', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      const base = layerOf({ base: 'base' });
      const images = ['a', 'b', 'c'].map((name) => ({ layers: [base, layerOf({ [name]: name })], names: [`${name}:1`] }));
      for (const image of images) dockerArchive(at(`${image.names[0]}.tar`), [image]);
      const outcomes = await Promise.all(images.map((image) => attempt('import', '--quiet', '--store', at('store'), at(`${image.names[0]}.tar`))));
      expect(outcomes.map(({ status, stdout }) => [status, stdout])).toEqual(images.map((image) => [0, `${imageId(image)}\n`]));
      expect((await list(at('store'))).images.flatMap(({ names }) => names).sort()).toEqual(['a:1', 'b:1', 'c:1']);
      expect(readdirSync(at('store/aufs/diff'))).toHaveLength(4);
    });
  });

  it('tells images, their history and what goes wrong in plain lines', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      const store = ['--store', at('store')];
      const image = { layers: [layerOf({ a: 'a'.repeat(2500) })], names: ['app:1', 'app:2'] };
      dockerArchive(at('app.tar'), [image]);
      const none = await attempt('list', ...store);
      expect(none).toEqual({ status: 1, stdout: '', stderr: `tsaufs: there are no images yet: ${at('store')} does not exist; tsaufs image import makes it\n` });
      await attempt('import', ...store, at('app.tar'));
      const id = imageId(image).slice(7, 19);
      expect((await attempt('list', ...store)).stdout).toBe([
        'IMAGE  ID            CREATED           SIZE',
        `app:1  ${id}  2026-01-02 03:04  2.5 kB`,
        `app:2  ${id}  2026-01-02 03:04  2.5 kB`, ''].join('\n'));
      expect((await attempt('history', ...store, 'app:1')).stdout).toBe([
        'LAYER         CREATED           SIZE    CREATED BY       COMMENT',
        '-             2026-01-02 03:04  0 B     CMD ["/bin/sh"]',
        `${sha256(image.layers[0]).slice(0, 12)}  2026-01-02 03:04  2.5 kB  step 0`, ''].join('\n'));
      for (const [args, status, line] of [
        [['frob'], 2, 'there is no command "image frob"; there are import, list, history, mount, commit, export, rm; see tsaufs image --help'],
        [['history', ...store, 'app:3'], 1, 'there is no image "app:3"'],
        [['history', ...store, 'app::'], 1, '"app::" is not the name of an image: write NAME[:TAG], the name in lower case, such as busybox:latest'],
        [['import', ...store, '--platform', 'arm64', at('app.tar')], 1, '"arm64" is not a platform: write OS/ARCHITECTURE[/VARIANT], such as linux/arm64'],
        [['import', '--store', root, at('app.tar')], 1, `${root} is not a store of tsaufs; write --store DIRECTORY for an empty one, or one that does not exist`],
        [['commit', ...store, root, 'x'], 1, `${root} is neither where a container is mounted nor a container's id; see tsaufs image list`],
        [['export', ...store, '--format', 'tgz', 'app:1', at('x')], 2, '--format tgz: there are oci and docker'],
        [['rm', ...store, id], 1, `image ${id} has several names (app:1, app:2); remove them by name, or all with --force`],
        [['mount', ...store, 'app:1'], 2, 'missing required argument \'mountpoint\'; see tsaufs image mount --help'],
      ] as const) {
        const { status: found, stdout, stderr } = await attempt(...args);
        expect({ found, stdout, stderr }).toEqual({ found: status, stdout: '', stderr: `tsaufs: ${line}\n` });
      }
      expect((await attempt('rm', ...store, 'app:1', 'app:2')).stdout).toBe(`untagged app:1\nuntagged app:2\nremoved image ${id}\n`);
    });
  });

  it('writes an archive to standard output', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const store = ['--store', path.join(root, 'store')];
      const image = { layers: [layerOf({ a: 'a' })], names: ['app:1'] };
      dockerArchive(path.join(root, 'app.tar'), [image]);
      await attempt('import', ...store, path.join(root, 'app.tar'));
      const { status, stdout } = await attempt('export', ...store, '--format', 'docker', 'app:1', '-');
      expect(status).toBe(0);
      writeFileSync(path.join(root, 'out.tar'), stdout, 'latin1');
      expect((await attempt('import', '-q', '--store', path.join(root, 'other'), path.join(root, 'out.tar'))).stdout).toBe(`${imageId(image)}\n`);
    });
  });

  const noUser = noUserMount() ?? missing('fusermount3');
  it.skipIf(noUser)(`serves an ordinary user from a store of his own${because(noUser)}`, async () => {
    await temporary('/dev/shm', nobody, async (root) => {
      const at = (...names: string[]): string => path.join(root, ...names);
      mkdirSync(at('tree/closed'), { recursive: true });
      writeFileSync(at('tree/closed/file'), 'content');
      chownSync(at('tree/closed/file'), 0, 0);
      chmodSync(at('tree/closed'), 0o500);
      const image = { layers: [tarOf(at('tree'))], names: ['app:1'] };
      dockerArchive(at('app.tar'), [image]);
      mkdirSync(at('mnt'));
      chownSync(at('mnt'), nobody.uid, nobody.gid);
      const surroundings = { as: nobody, env: { XDG_DATA_HOME: at('data'), XDG_RUNTIME_DIR: root, HOME: root } };
      const tsaufs = (...args: string[]): Promise<string> => succeed(process.execPath, [program, ...args], surroundings);
      expect(await tsaufs('image', 'import', '-q', at('app.tar'))).toBe(`${imageId(image)}\n`);
      await tsaufs('image', 'mount', '-q', 'app:1', at('mnt'));
      try {
        expect(await succeed('cat', [at('mnt/closed/file')], surroundings)).toBe('content');
        await succeed('bash', ['-c', `echo new > ${at('mnt/new')}`], surroundings);
        await tsaufs('image', 'commit', at('mnt'), 'app:2');
      } finally {
        await tsaufs('umount', at('mnt'));
      }
      await tsaufs('image', 'export', 'app:1', at('data/out.tar'));
      // As root imported it: the archive is the same whoever has had it.
      cpSync(at('data/out.tar'), at('out.tar'));
      expect((await attempt('import', '-q', '--store', at('root'), at('out.tar'))).stdout).toBe(`${imageId(image)}\n`);
      for (const { id } of (JSON.parse(await tsaufs('image', 'list', '--json')) as { containers: { id: string }[] }).containers) await tsaufs('image', 'rm', id);
      await tsaufs('image', 'rm', 'app:1', 'app:2');
      expect(readdirSync(at('data/tsaufs/aufs/diff'))).toEqual([]);
      expect(readFileSync(at('data/tsaufs/image/aufs/repositories.json'), 'utf8')).toBe('{"Repositories":{}}');
    });
  });
});
