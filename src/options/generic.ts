import { OptionError } from './error.js';
import type { MountFlags, Setting } from './settings.js';
import { unescape, type Token } from './tokens.js';

/** The options of mount(8) and fuse(8) that any file system is given. Undefined: not one of them. */
export function parseGenericOption(token: Token): Setting[] | undefined {
  const { name, value } = token;
  if (/^x-./i.test(name) || name === 'comment') return [];
  return value === undefined ? parseFlag(name) : parseValued(name, value);
}

const mount = (set: Partial<MountFlags>): Setting[] => [{ kind: 'mount', set }];

const flags = new Map<string, Setting[]>([
  ['ro', mount({ readonly: true })],
  ['rw', mount({ readonly: false })],
  ['nosuid', mount({ nosuid: true })],
  ['suid', mount({ nosuid: false })],
  ['nodev', mount({ nodev: true })],
  ['dev', mount({ nodev: false })],
  ['noexec', mount({ noexec: true })],
  ['exec', mount({ noexec: false })],
  ['noatime', mount({ atime: 'noatime' })],
  ['atime', mount({ atime: 'default' })],
  ['relatime', mount({ atime: 'relatime' })],
  ['norelatime', mount({ atime: 'default' })],
  ['strictatime', mount({ atime: 'strictatime' })],
  ['nostrictatime', mount({ atime: 'default' })],
  ['nodiratime', mount({ nodiratime: true })],
  ['diratime', mount({ nodiratime: false })],
  ['sync', mount({ sync: true })],
  ['async', mount({ sync: false })],
  ['dirsync', mount({ dirsync: true })],
  ['allow_other', mount({ allowOther: true })],
  ['own_new_files', mount({ ownNewFiles: true })],
  ['kernel_cache', mount({ kernelCache: true })],
  ['remount', [{ kind: 'remount' }]],
]);

/** What mount(8), systemd and fstab(5) keep for themselves, and what tsaufs does in any case. */
const silent = new Set([
  'defaults', 'auto', 'noauto', 'user', 'nouser', 'users', 'nousers', 'owner', 'noowner',
  'group', 'nogroup', 'nofail', '_netdev', 'loud',
  'nomand', 'noiversion', 'nolazytime', 'default_permissions', 'nonempty', 'big_writes', 'auto_cache',
  // Buildah and Podman give it for volumes (`:O`), in mount namespaces of theirs.
  'private', 'rprivate',
]);

const silentValued = new Set(['subtype', 'uhelper', 'helper', 'user', 'user_id', 'group_id', 'rootmode', 'max_read']);

/** How long the kernel keeps what libfuse told it. */
const timeouts = new Map<string, 'entryTimeout' | 'attrTimeout' | 'negativeTimeout'>([
  ['entry_timeout', 'entryTimeout'], ['attr_timeout', 'attrTimeout'], ['negative_timeout', 'negativeTimeout'],
]);

/** With a warning. */
const withoutEffect = new Set(['mand', 'iversion', 'lazytime', 'auto_unmount']);

/** Every option that is known here, `name` or `name=`, but for those that begin with `x-`. */
export const genericOptionNames: readonly string[] = [
  ...flags.keys(), ...silent, ...withoutEffect, 'allow_root',
  ...[...silentValued, ...timeouts.keys(), 'comment', 'context', 'fsname'].map((name) => `${name}=`),
];

function seconds(name: string, value: string): number {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new OptionError(`mount option ${name}=${value}: a number of seconds is expected, such as 0.5`);
  return Number(value);
}

function parseFlag(name: string): Setting[] | undefined {
  if (name === 'allow_root') {
    throw new OptionError('mount option allow_root is not supported; use allow_other, which root\'s mounts have anyway');
  }
  if (withoutEffect.has(name)) {
    return [{ kind: 'note', text: `mount option ${name} has no effect on a FUSE file system of tsaufs` }];
  }
  return silent.has(name) ? [] : flags.get(name);
}

function parseValued(name: string, value: string): Setting[] | undefined {
  if (name === 'context') {
    const context = unescape(value);
    if (context === '' || context.includes('"')) throw new OptionError(`mount option context=${value}: not a label; write one as ls -Z shows it, in double quotes if it has commas`);
    return mount({ context });
  }
  if (name === 'fsname') return mount({ source: unescape(value) });
  const timeout = timeouts.get(name);
  if (timeout !== undefined) return mount({ [timeout]: seconds(name, value) });
  return silentValued.has(name) ? [] : undefined;
}
