import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { because, noRootMount, shell, succeed } from '../helpers/process.js';
import { barePath, noNpm, nodeOf, npmSettings, pack } from './package-file.js';
import { makeScratch, type Scratch } from './scratch.js';

const obstacle = noRootMount() ?? noNpm;

let scratch: Scratch;
let root: string;
let file: string;

beforeAll(async () => {
  if (obstacle !== undefined) return;
  scratch = await makeScratch();
  root = scratch.root;
  file = await pack(root);
}, 300_000);

afterAll(async () => {
  if (obstacle === undefined) await scratch.clear();
});

/** A user's first minutes, with `tsaufs` in PATH: mounts, writes, has a file copied up, looks, unmounts. */
const session = `
  mkdir image1 image2 container
  echo low > image2/file
  tsaufs mount -o br=image1:image2 container
  echo new > container/new
  echo more >> container/file
  tsaufs list | grep -q "$PWD/container *running"
  tsaufs umount container
  cat image1/file image2/file image1/new
  ls container`;

describe.skipIf(obstacle !== undefined)(`the packed file${because(obstacle)}`, { timeout: 300_000 }, () => {
  test('has what users need, and nothing else', async () => {
    const names = (await succeed('tar', ['-tzf', file])).trim().split('\n').map((name) => name.replace(/^package\//, ''));
    const at = path.join(root, 'package');
    await succeed('tar', ['-xzf', file, '-C', root]);
    expect(names).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'docs/usage.md', 'dist/index.js', 'dist/index.d.ts', 'dist/vendor/koffi/LICENSE.txt']));
    expect(names.filter((name) => !/^(dist|docs|systemd)\/|^(LICENSE|README\.md|package\.json)$/.test(name))).toEqual([]);
    expect(names.filter((name) => /\.map$|(?<!\.d)\.tsx?$|\.test\.|node_modules/.test(name))).toEqual([]);
    expect(names.filter((name) => name.endsWith('.js') && readFileSync(path.join(at, name), 'utf8').includes('sourceMappingURL='))).toEqual([]);

    const manifest = JSON.parse(readFileSync(path.join(at, 'package.json'), 'utf8')) as
      { bin: Record<string, string>; man: string[]; types: string; dependencies: Record<string, string> };
    for (const named of [...Object.values(manifest.bin), ...manifest.man, manifest.types]) expect(names).toContain(named.replace(/^\.\//, ''));
    expect(statSync(path.join(at, manifest.bin['tsaufs'])).mode & 0o111).toBe(0o111);
    // Binaries of both machines, for glibc and musl.
    expect(names.filter((name) => name.endsWith('.node')).sort()).toEqual(['linux-arm64/linux', 'linux-arm64/musl', 'linux-x64/linux', 'linux-x64/musl']
      .map((place) => `dist/vendor/@koromix/koffi-${place}_${place.split('/')[0].slice('linux-'.length)}/koffi.node`));
    // As docs/install.md says.
    expect(statSync(file).size).toBeLessThan(3e6);
    expect(names.reduce((sum, name) => sum + statSync(path.join(at, name)).size, 0)).toBeLessThan(10e6);
  });

  test.each([20, 22, 24])('is installed by npm i -g, used and uninstalled with Node %i and no compiler', async (major) => {
    const home = path.join(root, `node${major}`);
    mkdirSync(home);
    const bin = barePath(path.join(home, 'bin'), await nodeOf(major, home), ['bash', 'mkdir', 'cat', 'ls', 'grep']);
    const output = await shell(`
      node -p 'process.versions.node.split(".")[0]'
      npm install -g --silent --prefix "$PWD/global" ${file}
      PATH=$PWD/global/bin:$PATH
      ${session}
      npm uninstall -g --silent --prefix "$PWD/global" tsaufs`, { cwd: home, env: { ...npmSettings(), PATH: bin, HOME: home, npm_config_fund: 'false' } });
    expect(output.split('\n').filter((line) => !/^(added|removed|up to date) /.test(line))).toEqual([String(major), 'low', 'more', 'low', 'new', '']);
    expect(readdirSync(path.join(home, 'global'), { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory())).toEqual([]);
  });

  test('is installed into a project without optional dependencies, scripts and compiler, and is a library there', async () => {
    const home = path.join(root, 'project');
    mkdirSync(home);
    writeFileSync(path.join(home, 'package.json'), '{ "type": "module" }\n');
    writeFileSync(path.join(home, 'use.js'), `
      import { mount } from 'tsaufs';
      import { writeFileSync, readFileSync } from 'node:fs';
      const union = await mount({ mountpoint: 'container', branches: ['image1', 'image2'] });
      writeFileSync('container/file', 'by the library');
      await union.unmount();
      console.log(readFileSync('image1/file', 'utf8'));`);
    const bin = barePath(path.join(home, 'bin'), process.execPath, ['bash', 'mkdir', 'cat', 'ls', 'grep']);
    const output = await shell(`
      npm install --silent --omit=optional --ignore-scripts ${file}
      PATH=$PWD/node_modules/.bin:$PATH
      ${session}
      node use.js`, { cwd: home, env: { ...npmSettings(), PATH: bin, HOME: home, npm_config_fund: 'false' } });
    expect(output.split('\n').slice(-6)).toEqual(['low', 'more', 'low', 'new', 'by the library', '']);
    expect(existsSync(path.join(home, 'node_modules/fuse-native'))).toBe(false);
    expect(existsSync(path.join(home, 'node_modules/koffi'))).toBe(false);
  });
});
