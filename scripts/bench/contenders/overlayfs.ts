import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { command } from '../command.js';
import type { Contender } from './contender.js';
import { unmount } from './unmount.js';

/** The kernel's own, which takes root. */
export const overlayfs: Contender = {
  id: 'overlayfs',
  color: '#6b7280',
  version: async () => {
    if (!isKnown()) await command('modprobe', ['overlay']).catch(() => undefined);
    return isKnown() ? `of Linux ${release()}` : undefined;
  },
  mount: async ({ directory, lowers, upper, work, mountpoint }) => {
    const options = `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`;
    await command('mount', ['-t', 'overlay', '-o', options, 'overlay', mountpoint], { cwd: directory });
  },
  unmount,
};

function isKnown(): boolean {
  return /\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
}
