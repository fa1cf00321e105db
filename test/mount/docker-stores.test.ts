// Old Docker stores through a mount, and what is exported from them.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { because, noRootMount, program, run, succeed, type Outcome } from '../helpers/process.js';
import { temporary } from '../helpers/mounted.js';
import { describeTree, treeDifference } from '../helpers/tree.js';
import { contentStore, graphStore, id, put } from '../layers/docker-stores.js';
import { sha256, tarOf } from '../layers/images.js';

const skipped = noRootMount();

function tsaufs(...args: string[]): Promise<string> {
  return succeed(process.execPath, [program, ...args]);
}

function attempt(...args: string[]): Promise<Outcome> {
  return run(process.execPath, [program, ...args]);
}

/** A store of the kind in `root`/docker, and afterwards the same as before, to the times. */
async function untouched(fill: (root: string) => void, use: (docker: string, at: (...names: string[]) => string) => Promise<void>): Promise<void> {
  await temporary('/dev/shm', undefined, async (root) => {
    const docker = path.join(root, 'docker');
    fill(docker);
    mkdirSync(path.join(root, 'mnt'));
    const before = await describeTree(docker, 'exact');
    await use(docker, (...names) => path.join(root, ...names));
    expect(treeDifference(before, await describeTree(docker, 'exact'))).toEqual([]);
  });
}

async function filesIn(mnt: string): Promise<Record<string, string>> {
  const names = execFileSync('find', ['.', '-type', 'f', '-printf', '%P\\n'], { cwd: mnt, encoding: 'utf8' }).split('\n').filter((name) => name !== '');
  return Promise.resolve(Object.fromEntries(names.sort().map((name) => [name, readFileSync(path.join(mnt, name), 'utf8')])));
}

async function mounted(args: string[], mnt: string): Promise<Record<string, string>> {
  await tsaufs('docker', 'mount', ...args, mnt);
  try {
    return await filesIn(mnt);
  } finally {
    await tsaufs('umount', mnt);
  }
}

describe.skipIf(skipped)(`old Docker stores, mounted${because(skipped)}`, () => {
  it('shows images and containers of Docker up to 1.9, and changes nothing there', async () => {
    await untouched(graphStore, async (docker, at) => {
      expect(await mounted(['--root', docker, 'user/redis:4'], at('mnt'))).toEqual({ 'bin/sh': 'shell', 'data/new': 'new' });
      expect(await mounted(['--root', docker, 'some-redis'], at('mnt')))
        .toEqual({ '.dockerenv': '', 'bin/sh': 'shell', 'data/written': 'by the container', 'etc/hosts': '' });
      await tsaufs('docker', 'mount', '--root', docker, 'busybox', at('mnt'));
      expect((await run('touch', [at('mnt', 'x')])).stderr).toMatch(/Read-only file system/);
      await tsaufs('umount', at('mnt'));
    });
  });

  it('shows images and containers of later ones, and puts changes elsewhere', async () => {
    await untouched((root) => void contentStore(root), async (docker, at) => {
      expect(await mounted(['--root', docker, 'app:1'], at('mnt'))).toEqual({ 'bin/sh': 'shell', 'etc/added': 'added' });
      await tsaufs('docker', 'mount', '--root', docker, '--scratch', at('changes'), 'web', at('mnt'));
      writeFileSync(at('mnt/bin/sh'), 'changed');
      await tsaufs('umount', at('mnt'));
      expect(readFileSync(at('changes/bin/sh'), 'utf8')).toBe('changed');
      expect(await mounted(['--root', docker, '--scratch', at('changes'), 'web'], at('mnt'))).toEqual({ '.dockerenv': '', 'bin/sh': 'changed', 'srv/own': 'own' });
      expect((await attempt('docker', 'mount', '--root', docker, '--scratch', path.join(docker, 'x'), 'web', at('mnt'))).stderr)
        .toBe(`tsaufs: the scratch directory ${docker}/x lies in ${docker}, where nothing is to be changed; name another\n`);
      expect((await attempt('docker', 'export', '--root', docker, 'web', path.join(docker, 'out'))).stderr)
        .toBe(`tsaufs: ${docker}/out lies in ${docker}, where nothing is to be changed; name another place\n`);
    });
  });

  it('exports images and containers that mount as they did there', async () => {
    await untouched(graphStore, async (docker, at) => {
      const store = ['--store', at('store')];
      await tsaufs('docker', 'export', '--root', docker, 'user/redis:4', at('layout'));
      await tsaufs('docker', 'export', '--root', docker, 'some-redis', at('container.tar'), '--format', 'docker', '--name', 'saved:1');
      await tsaufs('image', 'import', ...store, at('layout'));
      await tsaufs('image', 'import', ...store, at('container.tar'));
      expect(await tsaufs('image', 'history', ...store, 'user/redis:4')).toMatch(/#\(nop\) step redis[^]*#\(nop\) step run[^]*#\(nop\) step base/);
      for (const [name, files] of [
        ['user/redis:4', { 'bin/sh': 'shell', 'data/new': 'new' }],
        ['saved:1', { 'bin/sh': 'shell', 'data/written': 'by the container' }],
      ] as const) {
        await tsaufs('image', 'mount', ...store, '--read-only', name, at('mnt'));
        expect(await filesIn(at('mnt'))).toEqual(files);
        await tsaufs('umount', at('mnt'));
      }
    });
  });

  it('gives an image the same id as in Docker where the record of its archives is there', async () => {
    // The archives as a registry had them; Docker keeps all of them but the files' contents.
    const layers = [{ 'bin/sh': 'shell', 'etc/passwd': 'root' }, { 'etc/.wh.passwd': '', 'etc/added': 'added' }].map((files) => {
      const directory = execFileSync('mktemp', ['-d', '-p', '/dev/shm'], { encoding: 'utf8' }).trim();
      for (const [name, content] of Object.entries(files)) put(directory, name, content);
      const tar = tarOf(directory);
      execFileSync('rm', ['-r', directory]);
      return tar;
    });
    const made: ReturnType<typeof contentStore>[] = [];
    await untouched((root) => {
      made.push(contentStore(root, layers.map((layer) => `sha256:${sha256(layer)}`)));
      for (const [index, layer] of layers.entries()) {
        put(root, `image/aufs/layerdb/sha256/${made[0].chain[index].slice(7)}/tar-split.json.gz`, gzipSync(tarSplitOf(layer)));
      }
    }, async (docker, at) => {
      await tsaufs('docker', 'export', '--root', docker, 'app:1', at('out.tar'));
      expect(await tsaufs('image', 'import', '--quiet', '--store', at('store'), at('out.tar'))).toBe(`${made[0].image}\n`);
    });
  });

  it('says which file is not what it was, and exports what is there', async () => {
    await temporary('/dev/shm', undefined, async (root) => {
      const docker = path.join(root, 'docker');
      const { chain, image } = contentStore(docker);
      put(docker, `image/aufs/layerdb/sha256/${chain[0].slice(7)}/tar-split.json.gz`, gzipSync(
        `{"type":1,"name":"bin/sh","size":5,"payload":"${Buffer.alloc(8).toString('base64')}","position":0}\n`));
      const { status, stdout, stderr } = await attempt('docker', 'export', '--root', docker, 'app:1', path.join(root, 'out'));
      expect(status).toBe(0);
      expect(stdout).not.toContain(image.slice(7, 19));
      expect(stderr).toMatch(/warning: \/\S*\/bin\/sh has another content than it had: the layer gets another digest\n.*warning: the image gets another id/);
      expect(readdirSync(path.join(root, 'out')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    });
  });

  it('tells what is there as text and as JSON, and refuses in one line', async () => {
    await untouched(graphStore, async (docker, at) => {
      const text = await tsaufs('docker', 'inspect', '--root', docker);
      expect(text).toMatch(/written by Docker up to 1\.9/);
      expect(text).toMatch(new RegExp(`^user/redis:4 +${id('redis').slice(0, 12)} +2017-12-12 07:15 +3 +15 B$`, 'm'));
      expect(text).toMatch(new RegExp(`^some-redis +${id('c').slice(0, 12)} +user/redis:4 +2018-01-01 00:00 +stopped$`, 'm'));
      const json = JSON.parse(await tsaufs('docker', 'inspect', '--root', docker, '--json', 'some-redis')) as { layers: { cacheId: string }[] };
      expect(json.layers.map(({ cacheId }) => cacheId)).toEqual([id('base'), id('run'), id('redis'), `${id('c')}-init`, id('c')]);
      for (const [args, status, line] of [
        [['docker', 'frob'], 2, 'there is no command "docker frob"; there are inspect, mount, export; see tsaufs docker --help'],
        [['docker', 'inspect', '--root', at('none')], 1, `${at('none')} does not exist; write --root DIRECTORY for where Docker keeps its data`],
        [['docker', 'inspect', '--root', docker, 'nope'], 1, `there is no image or container "nope" in ${docker}`],
        [['docker', 'inspect', '--root', docker, '--type', 'x', 'nope'], 2, '--type x: there are image and container'],
        [['docker', 'export', '--root', docker, '--format', 'zip', 'busybox', at('x')], 2, '--format zip: there are oci and docker'],
      ] as const) {
        const { status: found, stderr } = await attempt(...args);
        expect({ found, stderr }).toEqual({ found: status, stderr: `tsaufs: ${line}\n` });
      }
    });
  });
});

/** tar-split's record, as Docker writes it: each member's header and padding, and the checksum of each file. */
function tarSplitOf(tar: Buffer): string {
  const script = `
import sys, json, base64, tarfile, io
data = sys.stdin.buffer.read()
poly = 0xD800000000000000
def crc64(b):
    c = 0xffffffffffffffff
    for x in b:
        c ^= x
        for _ in range(8): c = (c >> 1) ^ (poly if c & 1 else 0)
    return (c ^ 0xffffffffffffffff).to_bytes(8, 'big')
at, position, out = 0, 0, []
def add(**entry):
    global position
    out.append(json.dumps({**entry, 'position': position})); position += 1
for m in tarfile.open(fileobj=io.BytesIO(data)):
    add(type=2, payload=base64.b64encode(data[at:m.offset_data]).decode())
    size = m.size if m.isreg() else 0
    content = data[m.offset_data:m.offset_data + size]
    add(type=1, name=m.name, **({'size': size} if size else {}), payload=base64.b64encode(crc64(content)).decode() if size else None)
    at = m.offset_data + size
add(type=2, payload=base64.b64encode(data[at:]).decode())
print('\\n'.join(out))
`;
  return execFileSync('python3', ['-c', script], { input: tar, encoding: 'utf8' });
}
