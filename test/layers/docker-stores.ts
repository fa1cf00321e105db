// Docker's data directory in the shape that its AUFS storage driver left, in both generations, written file by file.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { sha256 } from './images.js';

/** Files of a layer, by path; `.wh.NAME` and `.wh..wh..opq` as on disk. */
export type Files = Readonly<Record<string, string>>;

export function put(root: string, name: string, content: string | Buffer = ''): void {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

/** aufs/{diff,layers,mnt}/ID. */
export function driverLayer(root: string, id: string, below: readonly string[], files: Files): void {
  for (const directory of ['diff', 'mnt']) mkdirSync(path.join(root, 'aufs', directory, id), { recursive: true });
  put(root, `aufs/layers/${id}`, below.map((parent) => `${parent}\n`).join(''));
  for (const [name, content] of Object.entries(files)) put(path.join(root, 'aufs/diff', id), name, content);
}

/** An id as Docker makes them, from a word. */
export function id(word: string): string {
  return sha256(word);
}

/** One image of Docker up to 1.9: graph/ID/{json,layersize}, and a layer of the same name on those of its parents. */
export function graphImage(root: string, word: string, below: readonly string[], files: Files, more: object = {}): void {
  const parent = below.at(0);
  put(root, `graph/${id(word)}/json`, JSON.stringify({
    id: id(word), ...(parent === undefined ? {} : { parent: id(parent) }), created: '2017-12-12T07:15:58.901779813Z',
    container: id(`container of ${word}`),
    container_config: { Hostname: 'cf72799c32e8', Env: null, Cmd: ['/bin/sh', '-c', `#(nop) step ${word}`], Image: '', Labels: {} },
    docker_version: '1.7.0', config: { Env: ['PATH=/bin'], Cmd: [word], WorkingDir: '/data' }, architecture: 'amd64', os: 'linux',
    Size: 0, ...more,
  }));
  put(root, `graph/${id(word)}/layersize`, String(Object.values(files).reduce((sum, content) => sum + content.length, 0)));
  driverLayer(root, id(word), below.map(id), files);
}

/** `redis` on `run` on `base`, `busybox` alone, and a container of redis; as in the seed of Ubuntu 14.04. */
export function graphStore(root: string): void {
  graphImage(root, 'base', [], { 'bin/sh': 'shell', 'etc/passwd': 'root', 'data/old': 'old' });
  graphImage(root, 'run', ['base'], { 'etc/.wh.passwd': '', 'data/.wh..wh..opq': '', 'data/new': 'new' });
  graphImage(root, 'redis', ['run', 'base'], {});
  graphImage(root, 'busybox', [], { 'bin/busybox': 'busybox' });
  mkdirSync(path.join(root, 'graph/_tmp'));
  put(root, 'repositories-aufs', JSON.stringify({ Repositories: { busybox: { latest: id('busybox') }, 'user/redis': { latest: id('redis'), 4: id('redis') } } }));
  const below = ['redis', 'run', 'base'].map(id);
  driverLayer(root, `${id('c')}-init`, below, { '.dockerenv': '', 'etc/hosts': '' });
  driverLayer(root, id('c'), [`${id('c')}-init`, ...below], { 'data/.wh.new': '', 'data/written': 'by the container' });
  put(root, `containers/${id('c')}/config.json`, JSON.stringify({
    ID: id('c'), Created: '2018-01-01T00:00:00Z', Name: '/some-redis', Image: id('redis'), Driver: 'aufs', State: { Running: false },
  }));
}

/** A layer of Docker 1.10 or later. Returns its chain id. */
export function contentLayer(root: string, diffId: string, parent: string | undefined, cacheId: string, size: number): string {
  const chainId = parent === undefined ? diffId : `sha256:${sha256(`${parent} ${diffId}`)}`;
  const record = `image/aufs/layerdb/sha256/${chainId.slice(7)}`;
  put(root, `${record}/diff`, diffId);
  put(root, `${record}/cache-id`, cacheId);
  put(root, `${record}/size`, String(size));
  if (parent !== undefined) put(root, `${record}/parent`, parent);
  return chainId;
}

export interface ContentStore {
  /** The image's id and bytes of its configuration. */
  image: string;
  config: Buffer;
  chain: string[];
  cache: string[];
}

/** `app:1` of two layers, and a container of it; as in the seed of the aufs store. Diff ids are those of no archive. */
export function contentStore(root: string, diffIds: readonly string[] = [`sha256:${sha256('one')}`, `sha256:${sha256('two')}`]): ContentStore {
  const cache = [id('cache one'), id('cache two')];
  driverLayer(root, cache[0], [], { 'bin/sh': 'shell', 'etc/passwd': 'root' });
  driverLayer(root, cache[1], [cache[0]], { 'etc/.wh.passwd': '', 'etc/added': 'added' });
  const chain = [contentLayer(root, diffIds[0], undefined, cache[0], 9)];
  chain.push(contentLayer(root, diffIds[1], chain[0], cache[1], 5));
  const config = Buffer.from(JSON.stringify({
    architecture: 'amd64', os: 'linux', created: '2020-05-05T05:05:05Z', config: { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: diffIds }, history: [{ created_by: 'ADD' }, { created_by: 'RUN' }],
  }));
  const image = sha256(config);
  put(root, `image/aufs/imagedb/content/sha256/${image}`, config);
  put(root, 'image/aufs/repositories.json', JSON.stringify({ Repositories: { app: { 'app:1': `sha256:${image}` } } }));
  mkdirSync(path.join(root, 'image/aufs/layerdb/tmp'), { recursive: true });
  const [mount, init] = [id('mount'), `${id('mount')}-init`];
  driverLayer(root, init, [cache[1], cache[0]], { '.dockerenv': '' });
  driverLayer(root, mount, [init, cache[1], cache[0]], { 'etc/.wh.added': '', 'srv/own': 'own' });
  const record = `image/aufs/layerdb/mounts/${id('web')}`;
  put(root, `${record}/mount-id`, mount);
  put(root, `${record}/init-id`, init);
  put(root, `${record}/parent`, chain[1]);
  put(root, `containers/${id('web')}/config.v2.json`, JSON.stringify({
    ID: id('web'), Created: '2020-06-06T06:06:06Z', Name: '/web', Image: `sha256:${image}`, Driver: 'aufs', State: { Running: true },
  }));
  put(root, `containers/${id('web')}/hostconfig.json`, '{}');
  return { image: `sha256:${image}`, config, chain, cache };
}
