// What the kernel offers.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { fail, ok, warn, type Finding } from './finding.js';
import { isInitialNamespace, isLinux, readNumber, readText, type System } from './system.js';

export function checkKernel(system: System): Finding[] {
  return [linux(system), passthrough(system), userNamespaces(system), kernelAufs(system)];
}

function linux(system: System): Finding {
  const found = `${system.release} on ${process.arch}`;
  if (!isLinux(system, 3, 15)) return fail('Linux', found, 'FUSE is too old before Linux 3.15; take a newer kernel');
  if (!isLinux(system, 4, 20)) return warn('Linux', found, 'requests are small before Linux 4.20; a newer kernel is faster');
  return ok('Linux', found);
}

function passthrough(system: System): Finding {
  const name = 'passthrough';
  if (!isLinux(system, 6, 9)) return warn(name, 'not in this Linux', 'since Linux 6.9 root\'s mounts read and write at the speed of the branch');
  const config = kernelConfig(system);
  if (config !== undefined && !/^CONFIG_FUSE_PASSTHROUGH=y$/m.test(config)) {
    return warn(name, 'not built into this kernel', 'build it with CONFIG_FUSE_PASSTHROUGH=y for reads and writes at the speed of the branch');
  }
  if (system.uid !== 0 || !isInitialNamespace(system)) return warn(name, 'not for ordinary users', 'mount as root for reads and writes at the speed of the branch');
  return ok(name, 'the kernel reads and writes files by itself');
}

/** As far as the kernel tells. */
function kernelConfig(system: System): string | undefined {
  const boot = readText(system, `boot/config-${system.release}`);
  if (boot !== undefined) return boot;
  try {
    return gunzipSync(readFileSync(path.join(system.root, 'proc/config.gz'))).toString('latin1');
  } catch {
    return undefined;
  }
}

function userNamespaces(system: System): Finding {
  const name = 'user namespaces';
  const advice = (setting: string): string => `for mounts without fusermount3 and rootless containers: sysctl -w ${setting}`;
  if (!isLinux(system, 4, 18)) return warn(name, 'no FUSE in them before Linux 4.18', 'only for rootless containers; take a newer kernel');
  const most = readNumber(system, 'proc/sys/user/max_user_namespaces');
  if (most === undefined) return warn(name, 'not in this kernel', 'only for rootless containers; build it with CONFIG_USER_NS=y');
  if (most === 0) return warn(name, 'turned off', advice('user.max_user_namespaces=10000'));
  if (readNumber(system, 'proc/sys/kernel/unprivileged_userns_clone') === 0) return warn(name, 'only for root', advice('kernel.unprivileged_userns_clone=1'));
  if (readNumber(system, 'proc/sys/kernel/apparmor_restrict_unprivileged_userns') === 1) {
    return warn(name, 'restricted by AppArmor', advice('kernel.apparmor_restrict_unprivileged_userns=0'));
  }
  return ok(name, 'can be made');
}

function kernelAufs(system: System): Finding {
  const types = readText(system, 'proc/filesystems') ?? '';
  if (/^nodev\taufs$/m.test(types)) {
    return warn('kernel AUFS', 'is in this kernel', 'mount -t aufs is the kernel\'s, unless tsaufs helpers install --aufs takes its place; a branch can be used by one of them at a time');
  }
  return ok('kernel AUFS', 'not in this kernel; tsaufs stands in for it');
}
