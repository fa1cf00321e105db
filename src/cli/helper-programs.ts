// The names by which other programs call this one, as links in the system's directories: `tsaufs helpers`.
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { calledAs } from './called-as.js';
import { oldNames } from './old-names.js';

/** mount: what mount(8) and umount(8) run for our types; aufs: for AUFS's; tools: aufs-util's commands. */
export type HelperKind = 'mount' | 'aufs' | 'tools';

/**
 * installed: leads to this program; outdated: to another tsaufs, or one that is gone; packaged: part of a Debian package;
 * foreign: something else.
 */
export type HelperState = 'installed' | 'outdated' | 'packaged' | 'foreign' | 'absent';

export interface Helper {
  name: string;
  kind: HelperKind;
  path: string;
  state: HelperState;
}

const names: Record<HelperKind, readonly string[]> = {
  mount: ['mount.tsaufs', 'mount.fuse.tsaufs', 'umount.tsaufs', 'umount.fuse.tsaufs'],
  aufs: ['mount.aufs', 'umount.aufs'],
  tools: Object.keys(oldNames),
};

/** mount(8) looks for helpers in /sbin only. */
const directories: Record<HelperKind, string> = { mount: 'sbin', aufs: 'sbin', tools: 'usr/local/bin' };

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/** The second line of a script that stands in for a link. */
const mark = '# Made by tsaufs helpers install; tsaufs helpers remove takes it away.';

/** @param prefix the root directory that the system's directories are in, absolute */
export function findHelpers(prefix: string, kinds: readonly HelperKind[] = ['mount', 'aufs', 'tools']): Helper[] {
  return kinds.flatMap((kind) => names[kind].map((name) => {
    const place = path.join(prefix, directories[kind], name);
    return { name, kind, path: place, state: stateOf(place, name) };
  }));
}

/** Makes it lead to this program, whatever of ours is there. Errors are those of the file system. */
export function makeHelper({ name, path: place }: Helper): void {
  mkdirSync(path.dirname(place), { recursive: true });
  const fresh = path.join(path.dirname(place), `.${name}.${process.pid}`);
  try {
    if (isFoundWithoutPath()) symlinkSync(program, fresh);
    else writeFileSync(fresh, script(name), { mode: 0o755, flag: 'wx' });
    renameSync(fresh, place);
  } finally {
    rmSync(fresh, { force: true });
  }
}

export function removeHelper({ path: place }: Helper): void {
  rmSync(place);
}

function stateOf(place: string, name: string): HelperState {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (stats === undefined) return 'absent';
  if (stats.isSymbolicLink()) return stateOfLink(readlinkSync(place), path.dirname(place));
  if (!stats.isFile() || stats.size > 10_000) return 'foreign';
  const text = readFileSync(place, 'utf8');
  if (text.split('\n')[1] !== mark) return 'foreign';
  return text === script(name) ? 'installed' : 'outdated';
}

function stateOfLink(target: string, directory: string): HelperState {
  const absolute = path.resolve(directory, target);
  if (!existsSync(absolute)) return /\/(dist\/cli\/main\.js|tsaufs)$/.test(absolute) ? 'outdated' : 'foreign';
  const real = realpathSync(absolute);
  if (packageName(real) !== 'tsaufs') return 'foreign';
  // scripts/build-deb makes them so, this file never.
  if (!path.isAbsolute(target)) return 'packaged';
  return real === program ? 'installed' : 'outdated';
}

function packageName(main: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(path.join(main, '../../../package.json'), 'utf8')) as { name?: string }).name;
  } catch {
    return undefined;
  }
}

/**
 * Whether the kernel finds the interpreter of {@link program} in an empty environment: mount(8) clears it, and `env node`
 * then looks into /bin and /usr/bin only. Node of nvm, or in /usr/local, is not found so.
 */
function isFoundWithoutPath(): boolean {
  const [interpreter] = readFileSync(program, 'utf8').split('\n', 1);
  if (interpreter !== '#!/usr/bin/env node') return true;
  const node = ['/bin/node', '/usr/bin/node'].find((file) => existsSync(file));
  return node !== undefined && realpathSync(node) === realpathSync(process.execPath);
}

function script(name: string): string {
  return `#!/bin/sh\n${mark}\nexec ${quoted(process.execPath)} ${quoted(program)} ${calledAs} ${name} "$@"\n`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
