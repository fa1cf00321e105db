// How much of what a mount takes there may be.

import { ok, warn, type Finding } from './finding.js';
import { readNumber, readText, type System } from './system.js';

/** One for each directory and file that is cached while the union is watched. */
const WATCHES = 65_536;
/** One a mount, and the desktop has dozens. */
const INSTANCES = 128;
const DESCRIPTORS = 65_536;
/** Megabytes: a mount takes 60 to 100, and 300 bytes a file that the kernel keeps. */
const MEMORY = 256;

export function checkLimits(system: System): Finding[] {
  return [
    limit(system, 'inotify watches', 'fs.inotify.max_user_watches', WATCHES, 'past it changes made directly on branches are seen after 50 ms only'),
    limit(system, 'inotify instances', 'fs.inotify.max_user_instances', INSTANCES, 'a mount needs one; past it changes made directly on branches are seen after 50 ms only'),
    openFiles(system),
    memory(system),
  ];
}

function limit(system: System, name: string, setting: string, enough: number, why: string): Finding {
  const value = readNumber(system, `proc/sys/${setting.replaceAll('.', '/')}`);
  if (value === undefined) return warn(name, 'not told by this kernel', 'build it with CONFIG_INOTIFY_USER=y, or mount with -o udba=none');
  if (value < enough) return warn(name, `${value}: ${why}`, `sysctl -w ${setting}=${enough * 8}, for good in /etc/sysctl.d`);
  return ok(name, String(value));
}

function openFiles(system: System): Finding {
  const name = 'open files';
  const told = /^Max open files +(\S+) +(\S+)/m.exec(readText(system, 'proc/self/limits') ?? '');
  if (told === null) return warn(name, 'not told by this kernel');
  const [, soft, hard] = told;
  const most = system.uid === 0 ? Math.max(asNumber(hard), readNumber(system, 'proc/sys/fs/nr_open') ?? 0) : asNumber(hard);
  if (most < DESCRIPTORS) {
    return warn(name, `at most ${most}: what is open in a union, and many cached directories, count`,
      `ulimit -Hn ${DESCRIPTORS * 8} as root, LimitNOFILE= in a unit, or --ulimit nofile=${DESCRIPTORS * 8} for a container`);
  }
  return ok(name, `${soft}, which a mount raises to ${most}`);
}

function asNumber(text: string): number {
  return text === 'unlimited' ? Infinity : Number(text);
}

function memory(system: System): Finding {
  const available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readText(system, 'proc/meminfo') ?? '')?.[1] ?? NaN) / 1024;
  const group = /^0::(.*)$/m.exec(readText(system, 'proc/self/cgroup') ?? '')?.[1] ?? '';
  const most = readNumber(system, `sys/fs/cgroup${group}/memory.max`) ?? readNumber(system, 'sys/fs/cgroup/memory.max') ?? Infinity;
  const megabytes = Math.floor(Math.min(available, most / 2 ** 20));
  if (Number.isNaN(megabytes)) return warn('memory', 'not told by this kernel');
  if (megabytes < MEMORY) return warn('memory', `${megabytes} MB`, 'a mount takes 60 to 100 MB, and 300 bytes for each file that the kernel keeps; free some');
  return ok('memory', `${megabytes} MB available`);
}
