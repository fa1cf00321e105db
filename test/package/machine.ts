// A copy of this machine, for what installs and removes programs in the whole system.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { missing, noRootMount, project, run, shell } from '../helpers/process.js';

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

/** The same with systemd as its first process; `script` is a service of it. */
const boot = `
  mount -t cgroup2 none sys/fs/cgroup
  umount -l dev
  mount -t tmpfs -o mode=755 none dev
  cp -a /dev/null /dev/zero /dev/random /dev/urandom /dev/fuse /dev/tty dev/
  ln -s /proc/self/fd dev/fd
  mkdir dev/shm dev/pts
  touch "$SHARED/console" dev/console
  mount --bind "$SHARED/console" dev/console
  mkdir -p ".$PROJECT"
  mount --bind "$PROJECT" ".$PROJECT"
  [ -x usr/bin/node ] || ln -s "$NODE" usr/bin/node
  ln -sf "$PROJECT/dist/cli/main.js" usr/bin/tsaufs
  rm -rf etc/systemd/system
  mkdir -p etc/systemd/system/test.target.wants
  printf '[Unit]\\nDefaultDependencies=no\\n' >etc/systemd/system/test.target
  printf '[Unit]\\nDefaultDependencies=no\\n[Service]\\nType=oneshot\\nExecStart=/bin/bash /srv/shared/script\\nStandardOutput=append:/srv/shared/output\\nStandardError=inherit\\nExecStopPost=/bin/systemctl --force --force poweroff\\n' \\
    >etc/systemd/system/test.service
  ln -s ../test.service etc/systemd/system/test.target.wants/
  export container=tsaufs`;

/** Runs a script with bash as a service of a systemd of its own; as {@link onMachine}, with `tsaufs` in /usr/bin. */
export async function onSystemd(scratch: string, shared: string, script: string): Promise<string> {
  const machine = path.join(scratch, 'machine');
  mkdirSync(machine, { recursive: true });
  writeFileSync(path.join(shared, 'script'), `set -euo pipefail\n${script}`);
  const said = await run('unshare', ['--mount', '--pid', '--cgroup', '--ipc', '--uts', '--fork', '--kill-child', '--propagation', 'private', 'bash', '-euc',
    `${enter}\n${boot}\nexec chroot . /lib/systemd/systemd --unit=test.target`],
    { env: { MACHINE: machine, SHARED: shared, PROJECT: project.replace(/\/$/, ''), NODE: process.execPath } });
  const output = path.join(shared, 'output');
  if (!existsSync(output)) throw new Error(`systemd did not start: ${said.stderr}${readFileSync(path.join(shared, 'console'), 'utf8')}`);
  return readFileSync(output, 'utf8').replace(/^Powering off\.\n/m, '');
}

/** Why systemd cannot be the first process of a machine here; undefined where it can. */
export async function noSystemd(): Promise<string | undefined> {
  if (!existsSync('/lib/systemd/systemd')) return 'no systemd';
  const tried = await run('unshare', ['--mount', '--cgroup', '--propagation', 'private', 'bash', '-ec', 'mount -t tmpfs none /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup']);
  return tried.status === 0 ? noMachine('systemctl') : 'no cgroup2';
}
