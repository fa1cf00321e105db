import { command, versionOf } from '../command.js';
import type { Contender } from './contender.js';
import { unmount } from './unmount.js';

export const unionfsFuse: Contender = {
  id: 'unionfs-fuse',
  color: '#15803d',
  debian: 'unionfs-fuse',
  version: () => versionOf('unionfs', /unionfs-fuse version: ([\d.]+)/),
  mount: async ({ directory, lowers, upper, mountpoint, user }) => {
    const branches = [`${upper}=RW`, ...lowers.map((lower) => `${lower}=RO`)].join(':');
    await command('unionfs', ['-o', 'cow', branches, mountpoint], { cwd: directory, user });
  },
  unmount,
};
