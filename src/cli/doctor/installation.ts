// tsaufs itself: what it is made of, and what it has left behind.

import { readMountTable, mountType } from '../../daemon/mount-table.js';
import { findStates } from '../../daemon/state.js';
import { findHelpers } from '../helper-programs.js';
import { fail, ok, warn, type Finding } from './finding.js';

export async function checkInstallation(): Promise<Finding[]> {
  const calls = await systemCalls();
  return [node(), calls, ...(calls.status === 'ok' ? [await secondAdapter()] : []), helpers(), ...leftovers()];
}

function node(): Finding {
  const { node: version } = process.versions;
  if (Number(version.split('.')[0]) < 20) return fail('Node.js', version, 'install Node.js 20 or later: https://nodejs.org');
  return ok('Node.js', `${version}, ${process.execPath}`);
}

/** Through koffi, which has a binary for each kind of machine. */
async function systemCalls(): Promise<Finding> {
  try {
    const { geteuid } = await import('../../posix/credentials.js');
    geteuid();
    return ok('koffi', 'system calls can be made');
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    return fail('koffi', `cannot be loaded on ${process.platform} ${process.arch}: ${reason}`, 'install tsaufs again on this machine, or npm rebuild koffi, which may need a compiler');
  }
}

async function secondAdapter(): Promise<Finding> {
  const { findPackage } = await import('../../fuse/native/addon.js');
  return findPackage() === undefined
    ? ok('fuse-native', 'not installed; only --adapter fuse-native would need it')
    : ok('fuse-native', 'installed; used with --adapter fuse-native');
}

function helpers(): Finding {
  const all = findHelpers('/', ['mount']);
  const wrong = all.filter(({ state }) => state !== 'installed' && state !== 'packaged');
  if (wrong.length === 0) return ok('mount helpers', 'installed: mount -t tsaufs and /etc/fstab work');
  const foreign = wrong.find(({ state }) => state === 'foreign');
  if (foreign !== undefined) return warn('mount helpers', `${foreign.path} is another program's`, 'tsaufs helpers status');
  const found = wrong.some(({ state }) => state === 'outdated') ? 'lead to another tsaufs, or one that is gone' : 'not installed';
  return warn('mount helpers', found, 'for mount -t tsaufs and /etc/fstab, as root: tsaufs helpers install');
}

/** Nothing is removed: other commands do that. */
function leftovers(): Finding[] {
  const mounted = new Set(readMountTable().filter(({ type }) => type === mountType).map(({ mountpoint }) => mountpoint));
  const dead = findStates().filter(({ alive }) => !alive);
  const found = dead.map(({ directory, state }) => mounted.has(state.mountpoint)
    ? warn('dead mount', `${state.mountpoint}: its process ${state.pid} is gone`, `tsaufs umount ${state.mountpoint}`)
    : warn('left-over state', `${directory} of ${state.mountpoint}`, 'tsaufs list removes it, after a failure tsaufs umount with the mount point'));
  if (found.length > 0) return found;
  return [ok('mounts', mounted.size === 0 ? 'none' : `${mounted.size}, none of them dead`)];
}
