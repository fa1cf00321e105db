// What a mount needs: the device, and somebody who may mount.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { fail, ok, warn, type Finding } from './finding.js';
import { isLinux, maySysAdmin, readText, type System } from './system.js';

export function checkFuse(system: System): Finding[] {
  return [device(system), mounting(system), fuseConf(system)];
}

/** 10:229, Documentation/admin-guide/devices.txt of Linux. */
const FUSE_DEVICE = 10 << 8 | 229;

function device(system: System): Finding {
  const name = '/dev/fuse';
  const place = path.join(system.root, 'dev/fuse');
  try {
    closeSync(openSync(place, 'r+'));
    if (statSync(place).rdev !== FUSE_DEVICE) return fail(name, 'is something else', 'as root: rm /dev/fuse; mknod -m 666 /dev/fuse c 10 229');
    return ok(name, 'can be opened');
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ENOENT': return fail(name, 'is not there', 'as root: modprobe fuse; for a container: --device /dev/fuse');
      case 'ENODEV':
      case 'ENXIO': return fail(name, 'is there without its driver', 'as root: modprobe fuse');
      case 'EACCES': return fail(name, `is closed to this user (mode ${(statSync(place).mode & 0o777).toString(8)})`, 'as root: chmod 666 /dev/fuse');
      case 'EPERM': return fail(name, 'is denied to this container', 'start the container with --device /dev/fuse');
      default: return fail(name, `cannot be opened: ${(error as Error).message}`, 'see dmesg');
    }
  }
}

/** Root mounts by itself, others by a program that is root while it runs. */
function mounting(system: System): Finding {
  const helper = findHelper();
  const may = maySysAdmin(system);
  if (system.uid === 0 && !may) {
    return fail('mounting', 'root may not mount here (no CAP_SYS_ADMIN)',
      'start the container with --cap-add SYS_ADMIN --device /dev/fuse --security-opt apparmor=unconfined');
  }
  if (helper === undefined) {
    const advice = 'apt-get install fuse3 (or what has fusermount3 here)';
    return may ? warn('fusermount3', 'is not installed: only root can mount', advice) : fail('fusermount3', 'is not installed: this user cannot mount', advice);
  }
  const { place, version, setuid } = helper;
  if (!setuid) {
    const advice = `as root: chmod u+s ${place}`;
    return may ? warn('fusermount3', `${place} is not set-uid root: only root can mount`, advice) : fail('fusermount3', `${place} is not set-uid root`, advice);
  }
  const namespace = system.uid === 0 && !isLinux(system, 4, 18) ? ', of no use in a user namespace' : '';
  return ok(path.basename(place), `${version}, set-uid root${namespace}`);
}

interface Helper {
  place: string;
  version: string;
  setuid: boolean;
}

/** The one that a mount would run. */
function findHelper(): Helper | undefined {
  for (const name of ['fusermount3', 'fusermount']) {
    for (const directory of (process.env['PATH'] ?? '').split(':').filter((each) => each !== '')) {
      const place = path.join(directory, name);
      const stat = statOf(place);
      if (stat?.isFile() !== true) continue;
      const said = spawnSync(place, ['--version'], { encoding: 'utf8', timeout: 5000 });
      const version = /\d+(\.\d+)+/.exec(`${said.stdout}${said.stderr}`)?.[0] ?? 'of unknown version';
      return { place, version, setuid: stat.uid === 0 && (stat.mode & 0o4000) !== 0 };
    }
  }
  return undefined;
}

/** Directories of the path may be closed to this user. */
function statOf(place: string): Stats | undefined {
  try {
    return statSync(place);
  } catch {
    return undefined;
  }
}

function fuseConf(system: System): Finding {
  const name = 'user_allow_other';
  const isSet = /^\s*user_allow_other\s*$/m.test(readText(system, 'etc/fuse.conf') ?? '');
  if (isSet) return ok(name, 'set in /etc/fuse.conf');
  if (system.uid === 0) return ok(name, 'not set in /etc/fuse.conf; root\'s mounts need it not');
  return warn(name, 'not set in /etc/fuse.conf: nobody else can use this user\'s mounts', 'as root: echo user_allow_other >> /etc/fuse.conf, then mount with -o allow_other');
}
