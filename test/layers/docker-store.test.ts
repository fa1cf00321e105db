import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { containerLayers, sizeOf } from '../../src/layers/docker/model.js';
import { findInStore, readDockerStore } from '../../src/layers/docker/store.js';
import { contentStore, driverLayer, graphImage, graphStore, id, put } from './docker-stores.js';
import { sha256 } from './images.js';
import { scratchDirectory } from './scratch.js';

const scratch = scratchDirectory('/dev/shm');

function short(text: string): string {
  return text.slice(0, 12);
}

describe('the store of Docker up to 1.9', () => {
  it('has images with their names, layers and sizes, and containers', () => {
    graphStore(scratch.path);
    const store = readDockerStore(scratch.path);
    expect(store).toMatchObject({ generation: 'graph', driver: 'aufs', problems: [] });
    const told = store.images.map(({ id: own, names, intermediate, layers }) =>
      [own, { names, intermediate, layers: layers.map((layer) => layer.id), size: sizeOf(layers) }] as const);
    expect(Object.fromEntries(told)).toEqual({
      [id('base')]: { names: [], intermediate: true, layers: [id('base')], size: 12 },
      [id('run')]: { names: [], intermediate: true, layers: [id('base'), id('run')], size: 15 },
      [id('redis')]: { names: ['user/redis:4', 'user/redis:latest'], intermediate: false, layers: [id('base'), id('run'), id('redis')], size: 15 },
      [id('busybox')]: { names: ['busybox:latest'], intermediate: false, layers: [id('busybox')], size: 7 },
    });
    const [container] = store.containers;
    expect(container).toMatchObject({ id: id('c'), name: 'some-redis', image: id('redis'), running: false, damage: undefined });
    expect(containerLayers(container).map(({ directory }) => path.basename(directory)))
      .toEqual([id('c'), `${id('c')}-init`, id('redis'), id('run'), id('base')]);
  });

  it('finds images and containers by name, and by the beginning of an id', () => {
    graphStore(scratch.path);
    const store = readDockerStore(scratch.path);
    const found = (name: string): string => {
      const one = findInStore(store, name);
      return one.kind === 'image' ? one.image.id : one.container.id;
    };
    expect([found('busybox'), found('user/redis:4'), found('some-redis'), found(id('run').slice(0, 20)), found(id('c').slice(0, 20))])
      .toEqual([id('busybox'), id('redis'), id('c'), id('run'), id('c')]);
    expect(() => found('nothing')).toThrow(`there is no image or container "nothing" in ${scratch.path}`);
  });

  it('reads the parent where 1.9 kept it', () => {
    graphImage(scratch.path, 'base', [], { a: 'a' });
    graphImage(scratch.path, 'top', ['base'], { b: 'b' }, { parent: undefined, parent_id: `sha256:${sha256('some digest')}` });
    put(scratch.path, `graph/${id('top')}/parent`, id('base'));
    const { images } = readDockerStore(scratch.path);
    expect(images.find((image) => image.id === id('top'))!.layers.map((layer) => layer.id)).toEqual([id('base'), id('top')]);
  });

  it.each<[string, (root: string) => void, string[]]>([
    ['bad JSON', (root) => writeFileSync(path.join(root, 'graph', id('run'), 'json'), '{"id":'), [
      `image ${short(id('run'))}: ROOT/graph/${id('run')}/json is not valid JSON`,
      `image user/redis:4: ROOT/graph/${id('run')}/json is not valid JSON`,
      `container some-redis: ROOT/graph/${id('run')}/json is not valid JSON; its layers are taken from ROOT/aufs/layers/${id('c')}`,
    ]],
    ['a lost layer', (root) => rmSync(path.join(root, 'aufs/diff', id('base')), { recursive: true }), [
      `image ${short(id('base'))}: layer ${short(id('base'))} has lost its files: there is no ROOT/aufs/diff/${id('base')}`,
      `image ${short(id('run'))}: layer ${short(id('base'))} has lost its files: there is no ROOT/aufs/diff/${id('base')}`,
      `image user/redis:4: layer ${short(id('base'))} has lost its files: there is no ROOT/aufs/diff/${id('base')}`,
      `container some-redis: layer ${short(id('base'))} has lost its files: there is no ROOT/aufs/diff/${id('base')}`,
    ]],
    ['a lost parent', (root) => rmSync(path.join(root, 'graph', id('base')), { recursive: true }), [
      `image ${short(id('run'))}: the parent ${short(id('base'))} of ${short(id('run'))} is missing`,
      `image user/redis:4: the parent ${short(id('base'))} of ${short(id('run'))} is missing`,
      `container some-redis: the parent ${short(id('base'))} of ${short(id('run'))} is missing; its layers are taken from ROOT/aufs/layers/${id('c')}`,
    ]],
    ['parents in a circle', (root) => graphImage(root, 'base', ['redis'], { 'bin/sh': 'sh' }), [
      `image ${short(id('base'))}: the parents of ${short(id('base'))} go round in a circle: ${short(id('base'))} is below itself`,
      `image ${short(id('run'))}: the parents of ${short(id('run'))} go round in a circle: ${short(id('run'))} is below itself`,
      `image user/redis:4: the parents of ${short(id('redis'))} go round in a circle: ${short(id('redis'))} is below itself`,
      `container some-redis: the parents of ${short(id('redis'))} go round in a circle: ${short(id('redis'))} is below itself; its layers are taken from ROOT/aufs/layers/${id('c')}`,
    ]],
    ['truncated ids', (root) => {
      renameSync(path.join(root, 'graph', id('busybox')), path.join(root, 'graph', id('busybox').slice(0, 40)));
      put(root, 'repositories-aufs', JSON.stringify({ Repositories: { 'user/redis': { 4: id('redis'), cut: id('redis').slice(0, 12) } } }));
      put(root, 'containers/0123abc/config.json', '{}');
    }, [
      `ROOT/graph/${id('busybox').slice(0, 40)}: the name is not that of an image`,
      `ROOT/repositories-aufs: user/redis:cut stands for "${short(id('redis'))}", which is not the id of an image`,
      'ROOT/containers/0123abc: the name is not that of a container',
    ]],
    ['a name of nothing', (root) => put(root, 'repositories-aufs', JSON.stringify({ Repositories: { 'user/redis': { 4: id('redis') }, gone: { 1: id('gone') } } })),
      [`gone:1 stands for image ${short(id('gone'))}, which is missing`]],
    ['a bad list of names', (root) => put(root, 'repositories-aufs', '[]'), ['ROOT/repositories-aufs is not a JSON object']],
    ['a container without its file', (root) => rmSync(path.join(root, 'containers', id('c'), 'config.json')), [
      `container ${short(id('c'))}: ROOT/containers/${id('c')} has no config.v2.json and no config.json`,
      `container ${short(id('c'))}: its image is missing; its layers are taken from ROOT/aufs/layers/${id('c')}`,
    ]],
    ['another list of layers', (root) => writeFileSync(path.join(root, 'aufs/layers', id('redis')), `${id('base')}\n`),
      [`ROOT/aufs/layers/${id('redis')} names other layers than the image; it is not used`]],
  ])('tells %s in a line each, and goes on', (_, damage, lines) => {
    graphStore(scratch.path);
    damage(scratch.path);
    const store = readDockerStore(scratch.path);
    expect(store.problems.map((line) => line.replaceAll(scratch.path, 'ROOT')).sort()).toEqual(lines.sort());
    // What is whole can be used.
    expect(store.images.filter((image) => image.damage === undefined).length).toBeGreaterThan(0);
  });
});

describe('the store of Docker 1.10 and later', () => {
  it('has images with their names, layers and sizes, and containers', () => {
    const made = contentStore(scratch.path);
    const store = readDockerStore(scratch.path);
    expect(store).toMatchObject({ generation: 'content', problems: [] });
    const [image] = store.images;
    expect(image).toMatchObject({ id: made.image, names: ['app:1'], created: '2020-05-05T05:05:05Z', intermediate: false });
    expect(image.layers.map((layer) => [layer.id, layer.cacheId, layer.size])).toEqual([[made.chain[0], made.cache[0], 9], [made.chain[1], made.cache[1], 5]]);
    const [container] = store.containers;
    expect(container).toMatchObject({ name: 'web', running: true, image: made.image });
    expect(containerLayers(container).map(({ directory }) => path.basename(directory)))
      .toEqual([id('mount'), `${id('mount')}-init`, made.cache[1], made.cache[0]]);
  });

  it.each<[string, (root: string, made: ReturnType<typeof contentStore>) => void, (made: ReturnType<typeof contentStore>) => string[]]>([
    ['a changed configuration', (root, { image }) => writeFileSync(path.join(root, 'image/aufs/imagedb/content/sha256', image.slice(7)), '{}'),
      ({ image }) => [`image app:1: ROOT/image/aufs/imagedb/content/sha256/${image.slice(7)} is damaged: its digest should be ${image} and is sha256:${sha256('{}')}`]],
    ['a lost record', (root, { chain }) => rmSync(path.join(root, 'image/aufs/layerdb/sha256', chain[0].slice(7)), { recursive: true }),
      ({ chain }) => {
        const line = `layer ${short(chain[0].slice(7))} is missing: there is no ROOT/image/aufs/layerdb/sha256/${chain[0].slice(7)}`;
        return [`image app:1: ${line}`, `container web: ${line}; its layers are taken from ROOT/aufs/layers/${id('mount')}`];
      }],
    ['a cut cache-id', (root, { chain }) => put(root, `image/aufs/layerdb/sha256/${chain[1].slice(7)}/cache-id`, 'abc'),
      ({ chain }) => {
        const line = `layer ${short(chain[1].slice(7))} is damaged: ROOT/image/aufs/layerdb/sha256/${chain[1].slice(7)}/cache-id holds "abc", not an id`;
        return [`image app:1: ${line}`, `container web: ${line}; its layers are taken from ROOT/aufs/layers/${id('mount')}`];
      }],
    ['layers in a circle', (root, { chain }) => put(root, `image/aufs/layerdb/sha256/${chain[0].slice(7)}/parent`, chain[1]),
      ({ chain }) => {
        const line = `layer ${short(chain[1].slice(7))} is damaged: layer ${short(chain[1].slice(7))} lies below itself`;
        return [`image app:1: ${line}`, `container web: ${line}; its layers are taken from ROOT/aufs/layers/${id('mount')}`];
      }],
    ['a lost container layer', (root) => rmSync(path.join(root, 'aufs/diff', id('mount')), { recursive: true }),
      () => [`container web has lost its files: there is no ROOT/aufs/diff/${id('mount')}`]],
    ['a name of nothing', (root, { image }) => put(root, 'image/aufs/repositories.json', JSON.stringify({ Repositories: { app: { 'app:1': image, 'app:2': `sha256:${id('x')}`, 'app:3': 'x' } } })),
      () => ['ROOT/image/aufs/repositories.json: app:3 stands for "x", which is not the id of an image', `app:2 stands for image ${short(id('x'))}, which is missing`]],
  ])('tells %s in a line each, and goes on', (_, damage, lines) => {
    const made = contentStore(scratch.path);
    damage(scratch.path, made);
    const store = readDockerStore(scratch.path);
    expect(store.problems.map((line) => line.replaceAll(scratch.path, 'ROOT')).sort()).toEqual(lines(made).sort());
    expect(store.images).toHaveLength(1);
    expect(store.containers).toHaveLength(1);
  });

  it('counts, where Docker has taken over an older store and left that there', () => {
    graphStore(scratch.path);
    contentStore(scratch.path);
    expect(readDockerStore(scratch.path).images.map(({ names }) => names)).toEqual([['app:1']]);
  });

  it('leaves out containers of other storage drivers', () => {
    contentStore(scratch.path);
    put(scratch.path, `containers/${id('other')}/config.v2.json`, JSON.stringify({ ID: id('other'), Driver: 'overlay2' }));
    expect(readDockerStore(scratch.path)).toMatchObject({ containers: [{ name: 'web' }], problems: [] });
  });

  it('is not there', () => {
    const root = scratch.at('docker');
    expect(() => readDockerStore(root)).toThrow(`${root} does not exist; write --root DIRECTORY for where Docker keeps its data`);
    put(root, 'image/overlay2/repositories.json', '{}');
    expect(() => readDockerStore(root)).toThrow(`${root} has no layers of AUFS: its images are of the storage driver overlay2`);
    driverLayer(root, id('x'), [], {});
    expect(() => readDockerStore(root)).toThrow(`${root} has layers, but neither ${root}/image/aufs nor ${root}/graph to tell of what images`);
    expect(existsSync(path.join(root, 'image/aufs'))).toBe(false);
    expect(readdirSync(root).sort()).toEqual(['aufs', 'image']);
  });
});
