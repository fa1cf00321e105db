// A copy of this machine, for what installs and removes programs in the whole system.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { missing, noRootMount, run, shell } from '../helpers/process.js';

/** What the machine of its own begins with: overlayfs over /, with processes and mounts of its own, without the network's files. */
const enter = `
  mkdir -p "$MACHINE/store" "$MACHINE/root"
  mount -t tmpfs -o mode=755 none "$MACHINE/store"
  mkdir "$MACHINE/store/up" "$MACHINE/store/work"
  mount -t overlay -o "lowerdir=/,upperdir=$MACHINE/store/up,workdir=$MACHINE/store/work" none "$MACHINE/root"
  cd "$MACHINE/root"
  mount -t proc none proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  mount -t tmpfs -o mode=755 none run
  mkdir -p srv/shared
  mount --bind "$SHARED" srv/shared`;

/**
 * Runs a script with bash on a copy of this machine, as root: what it changes outside of `shared`, which it finds at
 * /srv/shared, is gone afterwards; so are its processes and mounts.
 */
export async function onMachine(scratch: string, shared: string, script: string): Promise<string> {
  const machine = path.join(scratch, 'machine');
  mkdirSync(machine, { recursive: true });
  return shell('exec unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -c "$ENTER\nexec chroot . /bin/bash -euo pipefail -c \\"\\$SCRIPT\\"" 2>&1',
    { env: { MACHINE: machine, SHARED: shared, ENTER: enter, SCRIPT: script, PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' } });
}

/** Why there cannot be one here; undefined where there can. */
export async function noMachine(...commands: string[]): Promise<string | undefined> {
  const obstacle = noRootMount() ?? missing('unshare', 'chroot', ...commands);
  if (obstacle !== undefined) return obstacle;
  const tried = await run('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'bash', '-ec',
    'd=$(mktemp -d); trap "umount -l $d; rmdir $d" EXIT; mount -t tmpfs none $d; mkdir $d/u $d/w $d/r; mount -t overlay -o lowerdir=/,upperdir=$d/u,workdir=$d/w none $d/r; umount $d/r']);
  return tried.status === 0 ? undefined : 'no overlayfs';
}
