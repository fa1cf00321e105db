import { command, versionOf } from '../command.js';
import type { Contender } from './contender.js';
import { unmount } from './unmount.js';

export const fuseOverlayfs: Contender = {
  id: 'fuse-overlayfs',
  color: '#1d4ed8',
  debian: 'fuse-overlayfs',
  version: () => versionOf('fuse-overlayfs', /fuse-overlayfs: version (\S+)/),
  mount: async ({ directory, lowers, upper, work, mountpoint, user }) => {
    const options = `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`;
    await command('fuse-overlayfs', ['-o', options, mountpoint], { cwd: directory, user });
  },
  unmount,
};
