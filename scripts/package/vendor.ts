/**
 * Puts koffi into dist/, with its binaries for every machine that tsaufs runs on: then the package has no native dependency,
 * needs no compiler and no install script, and can be installed without optional dependencies. Part of `npm pack`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Each package has the binary for glibc and the one for musl. */
const machines = ['linux-x64', 'linux-arm64'];

/** Of koffi itself: what `import 'koffi'` loads; the rest are sources, and headers for building them. */
const files = ['index.js', 'src/koffi/index.js', 'LICENSE.txt'];

interface Manifest {
  name: string;
  version: string;
  license: string;
  type: string;
}

/** npm runs its scripts there; scripts/pack has a copy. */
const root = process.cwd();
const modules = path.join(root, 'node_modules');
const vendor = path.join(root, 'dist/vendor');

rmSync(vendor, { recursive: true, force: true });
const { name, version, license, type } = JSON.parse(readFileSync(path.join(modules, 'koffi/package.json'), 'utf8')) as Manifest;
for (const file of files) cpSync(path.join(modules, 'koffi', file), path.join(vendor, 'koffi', file));
writeFileSync(path.join(vendor, 'koffi/package.json'), `${JSON.stringify({ name, version, license, type }, null, 2)}\n`);
// In its stead: it would take binaries of other versions from a node_modules that this package is installed into.
mkdirSync(path.join(vendor, 'koffi/src/koffi/src'));
writeFileSync(path.join(vendor, 'koffi/src/koffi/src/static.js'), 'export const loadStatic = () => null;\n');
for (const machine of machines) copyBinaries(`@koromix/koffi-${machine}`);
writeFileSync(path.join(root, 'dist/posix/koffi.js'), "export { default } from '../vendor/koffi/index.js';\n");

function copyBinaries(dependency: string): void {
  const installed = path.join(modules, dependency);
  const from = existsSync(installed) ? installed : download(dependency);
  const to = path.join(vendor, dependency);
  cpSync(from, to, { recursive: true });
  if (!existsSync(path.join(to, 'index.js'))) throw new Error(`${dependency} has no index.js`);
}

/** npm installs those of this machine only. The lock file tells what the others must be. */
function download(dependency: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsaufs-vendor-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const said = execFileSync('npm', ['pack', '--silent', '--prefer-offline', `${dependency}@${version}`, '--pack-destination', folder], { encoding: 'utf8' });
  const archive = path.join(folder, said.trim().split('\n').at(-1)!);
  checkIntegrity(dependency, archive);
  execFileSync('tar', ['-xzf', archive, '-C', folder]);
  return path.join(folder, 'package');
}

function checkIntegrity(dependency: string, archive: string): void {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, { integrity: string }> };
  const expected = lock.packages[`node_modules/${dependency}`].integrity;
  const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (found !== expected) throw new Error(`${dependency}@${version} is not what package-lock.json has: ${found} instead of ${expected}`);
}
