import { statfs } from 'node:fs/promises';
import { mountInBackground } from '../daemon/background.js';
import { mountAt, mountType } from '../daemon/mount-table.js';
import { remountPath } from '../daemon/remount-path.js';
import { unmountPath } from '../daemon/unmount.js';
import type { Log } from '../layers/graphdriver/log.js';
import type { Mounted, Mounter } from '../layers/graphdriver/mounter.js';

/** How often and how long to wait for one who is about to leave a union, as Docker's aufs driver did. */
const ATTEMPTS = 5;
const PAUSE = 100;
/** How long Docker waits for the process of a union that another mount namespace holds on to, in milliseconds. */
const PATIENCE = 5000;

/** Mounts for Docker, with a background process for each union. */
export function graphDriverMounter(log: Log): Mounter {
  return {
    mount: async (mountpoint, options) => {
      for (const warning of options.warnings) log('warn', warning, { mountpoint });
      await mountInBackground({ mountpoint, source: options.mount.source ?? 'none', options, adapter: 'kernel' });
    },
    unmount: (mountpoint) => unmount(mountpoint, log),
    look,
    settle: async (mountpoint) => {
      await remountPath(mountpoint, ['clean_plink']);
    },
  };
}

async function look(mountpoint: string): Promise<Mounted> {
  const there = mountAt(mountpoint);
  if (there === undefined) return 'nothing';
  if (there.type !== mountType) return 'other';
  return statfs(mountpoint).then(() => 'union' as const, (error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOTCONN') return 'dead' as const;
    throw error;
  });
}

async function unmount(mountpoint: string, log: Log): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const remark = await unmountPath(mountpoint, { patience: PATIENCE });
      if (remark !== undefined) log('info', remark);
      return;
    } catch (error) {
      if (await look(mountpoint) === 'nothing') {
        // Its process still serves a copy of the mount in somebody else's mount namespace.
        log('warn', (error as Error).message);
        return;
      }
      if (attempt >= ATTEMPTS) {
        log('warn', 'still in use: detached, and ends when nobody uses it any more', { mountpoint });
        await unmountPath(mountpoint, { lazy: true });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}
