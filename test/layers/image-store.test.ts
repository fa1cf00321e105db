import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readDockerStore } from '../../src/layers/docker/store.js';
import { exportImage } from '../../src/layers/oci/export.js';
import type { Digest } from '../../src/layers/oci/digest.js';
import { commitContainer } from '../../src/layers/store/commit.js';
import { createContainer } from '../../src/layers/store/container.js';
import { exportedStoreImage } from '../../src/layers/store/export.js';
import { readImage } from '../../src/layers/store/image-database.js';
import { importImages, type ImportOptions } from '../../src/layers/store/import.js';
import { historyOf, listStore } from '../../src/layers/store/listing.js';
import { removeFromStore } from '../../src/layers/store/remove.js';
import { findImage, readNamesOfImages } from '../../src/layers/store/repositories.js';
import { ImageStore } from '../../src/layers/store/store.js';
import { sweep } from '../../src/layers/store/sweep.js';
import { configOf, dockerArchive, imageId, layerOf, newDockerArchive, ociLayout, pack, sha256, writeBlob, writeIndex, writeManifest } from './images.js';
import { scratchDirectory } from './scratch.js';

const scratch = scratchDirectory('/dev/shm');
const base = layerOf({ 'bin/sh': 'shell', 'etc/a': 'a' });
const upper = layerOf({ 'etc/b': 'b', 'etc/.wh.a': '' });
const other = layerOf({ 'etc/c': 'c' });
const one = { layers: [base, upper], names: ['one:1'] };
const two = { layers: [base, other], names: ['two:1'] };

function openStore(): ImageStore {
  return ImageStore.openOrCreate(scratch.at('store'));
}

async function imported(place: string, options?: ImportOptions): Promise<[string, string[]][]> {
  return (await importImages(openStore(), place, options)).map(({ id, names }) => [id, names]);
}

/** Everything that a store can show. */
function visible(): unknown {
  const { images, containers } = listStore(openStore().paths);
  return { images, containers, layers: readdirSync(scratch.at('store/image/aufs/layerdb/sha256')), diff: readdirSync(scratch.at('store/aufs/diff')) };
}

const nothing = { images: [], containers: [], layers: [], diff: [] };

describe('import', () => {
  it('takes archives of docker save, old and new, and OCI layouts, to the same image', async () => {
    dockerArchive(scratch.at('old.tar'), [one]);
    newDockerArchive(scratch.at('new.tar'), one);
    ociLayout(scratch.at('layout'), [{ ...one, names: ['1'] }]);
    pack(scratch.at('layout'), scratch.at('layout.tar'));
    execFileSync('gzip', ['-k', scratch.at('old.tar')]);
    ociLayout(scratch.at('bare'), [{ layers: one.layers }], { compress: false });
    expect(await imported(scratch.at('old.tar'))).toEqual([[imageId(one), ['one:1']]]);
    const before = visible();
    expect(await imported(scratch.at('new.tar'))).toEqual([[imageId(one), ['one:1']]]);
    expect(await imported(scratch.at('old.tar.gz'))).toEqual([[imageId(one), ['one:1']]]);
    // Nothing is there twice.
    expect(visible()).toEqual(before);
    expect(await imported(scratch.at('layout'))).toEqual([[imageId(one), ['layout:1']]]);
    expect(await imported(scratch.at('layout.tar'))).toEqual([[imageId(one), ['layout:1']]]);
    expect(await imported(scratch.at('bare'))).toEqual([[imageId(one), ['bare:latest']]]);
    expect(await imported(`${scratch.at('layout')}:1`, { name: 'given' })).toEqual([[imageId(one), ['given:latest']]]);
    expect(readdirSync(scratch.at('store/aufs/diff'))).toHaveLength(2);
    expect(readdirSync(scratch.at('store/tmp'))).toEqual([]);
  });

  it('lays the store out as Docker does', async () => {
    dockerArchive(scratch.at('a.tar'), [one]);
    await imported(scratch.at('a.tar'));
    const at = (name: string): string => readFileSync(scratch.at(`store/image/aufs/${name}`), 'utf8');
    const [first, second] = [sha256(base), sha256(`sha256:${sha256(base)} sha256:${sha256(upper)}`)];
    expect(readdirSync(scratch.at('store/image/aufs/layerdb/sha256')).sort()).toEqual([first, second].sort());
    const record = `layerdb/sha256/${second}`;
    expect(readdirSync(scratch.at(`store/image/aufs/${record}`)).sort()).toEqual(['cache-id', 'diff', 'parent', 'size', 'tar-split.json.gz']);
    expect([at(`${record}/diff`), at(`${record}/parent`), at(`${record}/size`)]).toEqual([`sha256:${sha256(upper)}`, `sha256:${first}`, '1']);
    const cache = at(`${record}/cache-id`);
    expect(readFileSync(scratch.at(`store/aufs/layers/${cache}`), 'utf8')).toBe(`${at(`layerdb/sha256/${first}/cache-id`)}\n`);
    expect(readdirSync(scratch.at(`store/aufs/diff/${cache}/etc`)).sort()).toEqual(['.wh.a', 'b']);
    expect(readdirSync(scratch.at(`store/aufs/mnt/${cache}`))).toEqual([]);
    expect(at(`imagedb/content/${imageId(one).replace(':', '/')}`)).toBe(configOf(one).toString());
    expect(JSON.parse(at('repositories.json'))).toEqual({ Repositories: { one: { 'one:1': imageId(one) } } });
    // And is read as Docker's is.
    const docker = readDockerStore(scratch.at('store'));
    expect(docker.problems).toEqual([]);
    expect(docker.images.map(({ id, names }) => [id, names])).toEqual([[imageId(one), ['one:1']]]);
  });

  it('takes all images of an archive, and one by its tag', async () => {
    dockerArchive(scratch.at('a.tar'), [one, two]);
    expect(await imported(`${scratch.at('a.tar')}:two:1`)).toEqual([[imageId(two), ['two:1']]]);
    expect(await imported(scratch.at('a.tar'))).toEqual([[imageId(one), ['one:1']], [imageId(two), ['two:1']]]);
    await expect(imported(scratch.at('a.tar'), { name: 'x' })).rejects.toThrow('has 2 images, and one name was given');
    await expect(imported(`${scratch.at('a.tar')}:three`)).rejects.toThrow('has no image "three"; it has one:1, two:1');
  });

  it('chooses the machine\'s platform, or the one that is asked for', async () => {
    const layout = scratch.at('multi');
    mkdirSync(layout);
    const [amd, arm] = [{ ...one, architecture: 'amd64' }, { ...two, architecture: 'arm64' }];
    const index = JSON.stringify({ schemaVersion: 2, manifests: [
      { ...writeManifest(layout, arm), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { ...writeManifest(layout, amd), platform: { os: 'linux', architecture: 'amd64' } },
      { ...writeManifest(layout, amd), platform: { os: 'unknown', architecture: 'unknown' }, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } },
    ] });
    writeIndex(layout, [{ mediaType: 'application/vnd.oci.image.index.v1+json', ...writeBlob(layout, index), annotations: { 'org.opencontainers.image.ref.name': 'multi:2' } }]);
    expect(await imported(layout)).toEqual([[imageId(process.arch === 'arm64' ? arm : amd), ['multi:2']]]);
    expect(await imported(layout, { platform: { os: 'linux', architecture: 'arm64', variant: undefined } })).toEqual([[imageId(arm), ['multi:2']]]);
    await expect(imported(layout, { platform: { os: 'linux', architecture: 's390x', variant: undefined } }))
      .rejects.toThrow('has no image for linux/s390x; it has linux/arm64/v8, linux/amd64; choose with --platform');
  });

  it.each<[string, (place: string) => void, RegExp]>([
    ['nothing', () => undefined, /a\.tar does not exist$/],
    ['what is no archive', (place) => writeFileSync(place, 'x'.repeat(5000)), /neither an archive of docker save nor an OCI layout: it is not a tar archive, or it is damaged$/],
    ['an archive of other things', (place) => writeFileSync(place, layerOf({ a: 'a' })), /it has no manifest\.json and no index\.json$/],
    ['an empty directory', (place) => mkdirSync(place), /it has no manifest\.json and no index\.json$/],
    ['damaged compression', (place) => writeFileSync(place, Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])), /a\.tar cannot be read: its gzip data is damaged or not complete$/],
    ['half an archive', (place) => {
      dockerArchive(place, [one]);
      writeFileSync(place, readFileSync(place).subarray(0, 11_000));
    }, /is not complete|ends in the middle/],
    ['a changed configuration', (place) => dockerArchive(place, [one], (directory) => appendFileSync(path.join(directory, `${imageId(one).slice(7)}.json`), ' ')),
      /\.json is damaged: its digest should be sha256:\w+ and is sha256:\w+$/],
    ['a changed layer', (place) => dockerArchive(place, [{ ...one, layers: [base, other] }], (directory) => {
      const manifest = path.join(directory, 'manifest.json');
      const [item] = JSON.parse(readFileSync(manifest, 'utf8')) as [{ Config: string }];
      writeFileSync(path.join(directory, `${imageId(one).slice(7)}.json`), configOf(one));
      writeFileSync(manifest, JSON.stringify([{ ...item, Config: `${imageId(one).slice(7)}.json` }]));
    }), /layer 2 \(\w{12}\): the uncompressed layer has the digest sha256:\w+, and not sha256:\w+/],
    ['a layer too few', (place) => dockerArchive(place, [one], (directory) => {
      const manifest = path.join(directory, 'manifest.json');
      const [item] = JSON.parse(readFileSync(manifest, 'utf8')) as [{ Layers: string[] }];
      writeFileSync(manifest, JSON.stringify([{ ...item, Layers: item.Layers.slice(1) }]));
    }), /has 2 layers in its configuration and 1 in manifest\.json$/],
    ['a lost layer', (place) => dockerArchive(place, [one], (directory) => {
      for (const name of readdirSync(directory)) if (/^[0-9a-f]{64}$/.test(name)) rmSync(path.join(directory, name), { recursive: true });
    }), /is not complete: \w+\/layer\.tar is missing$/],
    ['a changed blob', (place) => {
      ociLayout(place, [one], { compress: false });
      const blob = path.join(place, 'blobs/sha256', sha256(upper));
      const bytes = readFileSync(blob);
      bytes[600] ^= 1;
      writeFileSync(blob, bytes);
    }, /layer 2 \(\w{12}\): .*digest/],
    ['a blob of another size', (place) => {
      ociLayout(place, [one], { compress: false });
      appendFileSync(path.join(place, 'blobs/sha256', sha256(upper)), 'x');
    }, /blobs\/sha256\/\w+ is damaged: it should have \d+ bytes and has \d+$/],
    ['a changed manifest', (place) => {
      ociLayout(place, [one]);
      const index = path.join(place, 'index.json');
      const { manifests: [{ digest }] } = JSON.parse(readFileSync(index, 'utf8')) as { manifests: [{ digest: string }] };
      const file = path.join(place, 'blobs/sha256', digest.slice(7));
      writeFileSync(file, readFileSync(file, 'utf8').replace('"schemaVersion":2', '"schemaVersion":3'));
    }, /is damaged: its digest should be/],
    ['a bad index', (place) => {
      ociLayout(place, [one]);
      writeFileSync(path.join(place, 'index.json'), '{"manifests":[{"digest":"sha256:12","size":1}]}');
    }, /"sha256:12" is not a digest/],
    ['a name that leads out', (place) => dockerArchive(place, [one], (directory) => {
      writeFileSync(path.join(directory, 'manifest.json'), '[{"Config":"../../../etc/passwd","Layers":[]}]');
    }), /\.\.\/etc\/passwd is missing$/],
    ['a hostile layer', (place) => {
      const hostile = layerOf({ 'aa/passwd': 'x' });
      for (let at = hostile.indexOf('./aa/passwd'); at >= 0; at = hostile.indexOf('./aa/passwd')) {
        hostile.write('../../a/pwd', at);
        const header = hostile.subarray(at, at + 512);
        header.fill(0x20, 148, 156);
        header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
      }
      dockerArchive(place, [{ layers: [base, hostile], names: ['bad:1'] }]);
    }, /layer 2 \(\w{12}\): \.\.\/\.\.\/a\/pwd: a path with "\.\."$/],
    ['no image, but a chart', (place) => {
      mkdirSync(place);
      const config = { mediaType: 'application/vnd.cncf.helm.config.v1+json', ...writeBlob(place, '{}') };
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      writeIndex(place, [{ mediaType, ...writeBlob(place, JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] })) }]);
    }, /is not an image that can be mounted: its configuration is of type application\/vnd\.cncf/],
  ])('refuses %s in one line, and leaves nothing behind', async (_, make, line) => {
    make(scratch.at('a.tar'));
    const error = await imported(scratch.at('a.tar')).catch((reason: unknown) => reason as Error);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(line);
    expect((error as Error).message).not.toContain('\n');
    expect(visible()).toEqual(nothing);
    expect([readdirSync(scratch.at('store/tmp')), readdirSync(scratch.at('store/image/aufs/layerdb/tmp'))]).toEqual([[], []]);
  });

  it('refuses names that cannot be', async () => {
    dockerArchive(scratch.at('a.tar'), [one]);
    await expect(imported(scratch.at('a.tar'), { name: 'Upper' })).rejects.toThrow('"Upper" is not the name of an image');
    await expect(imported(scratch.at('a.tar'), { name: 'a:-b' })).rejects.toThrow('"a:-b": the tag may have');
    await expect(imported(scratch.at('a.tar'), { name: `a@sha256:${sha256('')}` })).rejects.toThrow('a name to give has a tag, not a digest');
  });

  it('gives directories that a layer does not mention the attributes that they have below', async () => {
    const without = Buffer.from(execFileSync('tar', ['--format=pax', '-C', scratch.path, '-cf', '-', '--transform', 's,^,etc/,', 'x'], {
      input: (writeFileSync(scratch.at('x'), 'x'), ''),
    }));
    const restricted = execFileSync('bash', ['-c', 'mkdir -p t/etc && chmod 2750 t/etc && touch -d @1000 t/etc && tar -C t --format=pax -cf - .'], { cwd: scratch.path });
    dockerArchive(scratch.at('a.tar'), [{ layers: [restricted, without], names: ['one:1'] }]);
    await imported(scratch.at('a.tar'));
    const { images: [{ layers }] } = listStore(openStore().paths);
    expect(layers.map(({ directory }) => execFileSync('stat', ['-c', '%a %Y', path.join(directory, 'etc')], { encoding: 'utf8' }))).toEqual(['2750 1000\n', '2750 1000\n']);
  });
});

describe('a store', () => {
  it('is told from Docker\'s own directory and from anything else', () => {
    mkdirSync(scratch.at('docker/image'), { recursive: true });
    mkdirSync(scratch.at('full/of'), { recursive: true });
    expect(() => ImageStore.openOrCreate(scratch.at('docker'))).toThrow(/is Docker's; read it with tsaufs docker inspect/);
    expect(() => ImageStore.openOrCreate(scratch.at('full'))).toThrow(/is not a store of tsaufs/);
    expect(() => ImageStore.open(scratch.at('none'))).toThrow(/there are no images yet/);
    expect(existsSync(scratch.at('none'))).toBe(false);
  });

  it('finds images by name, by id and by the beginning of an id', async () => {
    dockerArchive(scratch.at('a.tar'), [{ ...one, names: ['one:1', 'one:latest', 'reg.example:5000/x/one:1'] }, two]);
    await imported(scratch.at('a.tar'));
    const { paths } = openStore();
    const ids = [imageId(one), imageId(two)] as Digest[];
    const find = (name: string): string => findImage(name, readNamesOfImages(paths), ids).id;
    for (const name of ['one:1', 'one', 'docker.io/library/one:1', 'reg.example:5000/x/one:1', imageId(one), imageId(one).slice(0, 20), imageId(one).slice(7, 20)]) {
      expect([name, find(name)]).toEqual([name, imageId(one)]);
    }
    expect(() => find('three:1')).toThrow('there is no image "three:1"');
    expect(() => find('One')).toThrow('"One" is not the name of an image');
    expect(() => findImage('a', new Map(), [`sha256:a${sha256('').slice(1)}`, `sha256:ab${sha256('').slice(2)}`]))
      .toThrow(/"a" is the beginning of 2 ids \(a\w{11}, ab\w{10}\); write more of it/);
  });

  it('keeps layers that another image has', async () => {
    dockerArchive(scratch.at('a.tar'), [{ ...one, names: ['one:1', 'one:2'] }, two]);
    await imported(scratch.at('a.tar'));
    const store = openStore();
    const options = { force: false, mountedOn: () => undefined };
    expect(() => removeFromStore(store, imageId(one).slice(7, 20), options)).toThrow(/has several names \(one:1, one:2\); remove them by name, or all with --force/);
    expect(removeFromStore(store, 'one:1', options)).toEqual(['untagged one:1']);
    expect(readdirSync(scratch.at('store/aufs/diff'))).toHaveLength(3);
    expect(removeFromStore(store, 'one:2', options)).toEqual(['untagged one:2', `removed image ${imageId(one).slice(7, 19)}`]);
    const { images, problems } = listStore(store.paths);
    expect({ names: images.map(({ names }) => names), problems }).toEqual({ names: [['two:1']], problems: [] });
    for (const directory of ['diff', 'layers', 'mnt']) expect(readdirSync(scratch.at(`store/aufs/${directory}`))).toHaveLength(2);
    expect(() => removeFromStore(store, 'one:2', options)).toThrow('there is no image "one:2"');
    // Mounted without a container.
    const [, top] = images[0].layers;
    const mountedOn = (directory: string): string | undefined => directory === top.directory ? '/mnt' : undefined;
    expect(() => removeFromStore(store, 'two:1', { ...options, mountedOn })).toThrow(`image ${imageId(two).slice(7, 19)} is mounted on /mnt; unmount it first with tsaufs umount /mnt`);
    removeFromStore(store, 'two:1', options);
    expect(visible()).toEqual(nothing);
  });

  it('does not lose an image that a container was made from', async () => {
    dockerArchive(scratch.at('a.tar'), [one]);
    await imported(scratch.at('a.tar'));
    const store = openStore();
    const container = createContainer(store.paths, readImage(store.paths, imageId(one) as Digest), true);
    const short = container.id.slice(0, 12);
    expect(() => removeFromStore(store, 'one:1', { force: false, mountedOn: () => undefined })).toThrow(`is in use by container ${short}; remove that first, or with --force`);
    expect(() => removeFromStore(store, 'one:1', { force: true, mountedOn: () => '/mnt' })).toThrow(`container ${short} is mounted on /mnt; unmount it first`);
    expect(removeFromStore(store, 'one:1', { force: true, mountedOn: () => undefined }))
      .toEqual([`removed container ${short}`, 'untagged one:1', `removed image ${imageId(one).slice(7, 19)}`]);
    expect(visible()).toEqual(nothing);
  });

  it('commits a container on its image', async () => {
    dockerArchive(scratch.at('a.tar'), [one]);
    await imported(scratch.at('a.tar'));
    const store = openStore();
    const container = createContainer(store.paths, readImage(store.paths, imageId(one) as Digest), true);
    writeFileSync(path.join(container.directory, 'new'), 'new');
    mkdirSync(path.join(container.directory, '.wh..wh.plnk'));
    await expect(commitContainer(store, container, { name: 'Bad' })).rejects.toThrow('"Bad" is not the name of an image');
    await expect(commitContainer(store, container, { name: 'x', changes: ['RUN ls'] })).rejects.toThrow('"RUN ls": there are CMD, ENTRYPOINT');
    expect(readdirSync(scratch.at('store/image/aufs/layerdb/tmp'))).toEqual([]);
    const id = await commitContainer(store, container, {
      name: 'made', message: 'why', author: 'me', changes: ['CMD ["/new"]', 'env A=b c', 'LABEL x="y z"', 'EXPOSE 80', 'ENTRYPOINT run it', 'WORKDIR /w'],
    });
    const config = JSON.parse(readImage(store.paths, id).bytes.toString()) as Record<string, unknown>;
    expect(config).toMatchObject({
      author: 'me', architecture: 'amd64',
      config: {
        Cmd: ['/new'], Env: ['PATH=/bin', 'A=b c'], Labels: { x: 'y z' }, ExposedPorts: { '80/tcp': {} }, Entrypoint: ['/bin/sh', '-c', 'run it'], WorkingDir: '/w',
      },
    });
    expect(historyOf(store.paths, id)[0]).toMatchObject({ comment: 'why', createdBy: 'tsaufs image commit', size: 3 });
    const { layers } = listStore(store.paths).images.find((image) => image.id === id)!;
    expect(readdirSync(layers[2].directory)).toEqual(['new']);
    expect(readFileSync(scratch.at(`store/image/aufs/imagedb/metadata/${id.replace(':', '/')}/parent`), 'utf8')).toBe(imageId(one));
  });

  it('sweeps away what a crash has left, and nothing else', async () => {
    dockerArchive(scratch.at('a.tar'), [one]);
    await imported(scratch.at('a.tar'));
    const before = visible();
    const store = openStore();
    const lost = sha256('lost');
    for (const directory of [`aufs/diff/${lost}/deep`, `aufs/mnt/${lost}`, 'image/aufs/layerdb/tmp/write-set-1', `aufs/diff/${sha256('x')}-removing`, 'tmp/archive-1']) {
      mkdirSync(scratch.at(`store/${directory}`), { recursive: true });
    }
    writeFileSync(scratch.at(`store/aufs/layers/${lost}`), '');
    writeFileSync(scratch.at('store/image/aufs/layerdb/tmp/write-set-1/cache-id'), lost);
    sweep(store);
    expect(visible()).toEqual(before);
    expect([readdirSync(scratch.at('store/tmp')), readdirSync(scratch.at('store/image/aufs/layerdb/tmp')), readdirSync(scratch.at('store/aufs/mnt')).length]).toEqual([[], [], 2]);
  });
});

describe('export', () => {
  it('adds to an OCI layout, and replaces what has the same name', async () => {
    dockerArchive(scratch.at('a.tar'), [{ ...one, names: ['one:1', 'app:1'] }, two]);
    await imported(scratch.at('a.tar'));
    const { paths } = openStore();
    const write = (image: { layers: readonly Buffer[] }, name: string): Promise<string> =>
      exportImage(exportedStoreImage(paths, imageId(image) as Digest, [name]), scratch.at('out'), { format: 'oci' });
    expect([await write(one, 'one:1'), await write(two, 'two:1'), await write(two, 'app:2'), await write(one, 'app:2')])
      .toEqual([imageId(one), imageId(two), imageId(two), imageId(one)]);
    const { manifests } = JSON.parse(readFileSync(scratch.at('out/index.json'), 'utf8')) as { manifests: { digest: string; annotations: Record<string, string> }[] };
    expect(manifests.map(({ annotations }) => annotations['io.containerd.image.name'])).toEqual(['docker.io/library/one:1', 'docker.io/library/two:1', 'docker.io/library/app:2']);
    expect(manifests[0].digest).toBe(manifests[2].digest);
    expect(readdirSync(scratch.at('out')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    rmSync(scratch.at('store'), { recursive: true });
    expect(await imported(scratch.at('out'))).toEqual([[imageId(one), ['app:2', 'one:1']], [imageId(two), ['two:1']]]);
  });

  it('refuses places where something else is', async () => {
    dockerArchive(scratch.at('a.tar'), [one]);
    await imported(scratch.at('a.tar'));
    const image = exportedStoreImage(openStore().paths, imageId(one) as Digest, ['one:1']);
    mkdirSync(scratch.at('full/x'), { recursive: true });
    mkdirSync(scratch.at('d.tar'));
    for (const [place, line] of [['full', 'is neither empty nor an OCI layout'], ['a.tar/x', 'cannot be written: not a directory'], ['d.tar', 'is a directory; name a file'], ['none/x.tar', 'cannot be written: no such file or directory']]) {
      await expect(exportImage(image, scratch.at(place), { format: 'oci' })).rejects.toThrow(line);
    }
    expect(scratch.names()).toEqual(['a.tar', 'd.tar', 'full', 'store']);
  });
});

