/** The options of a mount as libfuse 2 takes them, and what it cannot do. */
import { existsSync } from 'node:fs';
import type { UnionOptions } from '../../union/options.js';
import type { MountFlags } from '../adapter.js';
import { SELINUX } from '../kernel/mount.js';

/** The addon copies both the options and the mount point into this many bytes, and cuts off what is longer. */
const LONGEST = 1023;

export interface NativeOptions {
  /** For libfuse. */
  readonly text: string;
  /** Lines for the log. */
  readonly warnings: readonly string[];
}

/**
 * @param root whether libfuse mounts by itself, and not through fusermount
 * @throws Error of one line: what is asked for cannot be had
 */
export function nativeOptions(
  mountpoint: string, source: string, union: UnionOptions, mount: MountFlags, root: boolean,
): NativeOptions {
  const warnings: string[] = [];
  if (mount.allowOther && !mount.ownNewFiles) {
    if (root) throw new Error(refusal);
    warnings.push('files that others make in this mount belong to the one who mounted it: libfuse 2 does not tell who makes them');
  }
  if (mount.atime === 'strictatime') warnings.push('strictatime has no effect with the adapter fuse-native');
  if (union.passthrough === 'all') warnings.push('passthrough=all has no effect with the adapter fuse-native');
  if (mount.context !== undefined && existsSync(SELINUX)) warnings.push('context has no effect with the adapter fuse-native');
  const text = `-o${words(source, mount, root).join(',')}`;
  for (const [what, value] of [['options', text], ['mount point', mountpoint]] as const) {
    if (Buffer.byteLength(value) > LONGEST) throw new Error(`the ${what} must not be longer than ${LONGEST} bytes with the adapter fuse-native`);
  }
  return { text, warnings };
}

const refusal = 'the adapter fuse-native cannot tell who makes a file, so it would be root\'s: leave allow_other out, '
  + 'or add the option own_new_files, by which all new files belong to root, whoever makes them';

function words(source: string, mount: MountFlags, root: boolean): string[] {
  const { entryTimeout = -1, attrTimeout = -1, negativeTimeout = -1 } = mount;
  return [
    `fsname=${source.replaceAll('\\', '\\\\').replaceAll(',', '\\,')}`,
    'subtype=tsaufs',
    // The kernel checks permissions by the mode.
    'default_permissions',
    // The inode numbers are the union's.
    'use_ino',
    // Writes of up to 128 KB, and not a page at a time.
    'big_writes',
    // Over files that are there, as any mount.
    'nonempty',
    // Nothing is kept: to the kernel each name of a hard-linked file is another file, and of what is done to it by one name,
    // on a branch, or in a copy-up, it is not told for the others. A size that is too old would lose data.
    `entry_timeout=${Math.max(0, entryTimeout)}`,
    `attr_timeout=${Math.max(0, attrTimeout)}`,
    ...(negativeTimeout < 0 ? [] : [`negative_timeout=${negativeTimeout}`]),
    ...(mount.kernelCache === true ? ['kernel_cache'] : []),
    ...(mount.allowOther ? ['allow_other'] : []),
    ...(mount.readonly ? ['ro'] : []),
    // libfuse sets these two unless told otherwise; fusermount in any case.
    ...(root ? [mount.nosuid ? 'nosuid' : 'suid', mount.nodev ? 'nodev' : 'dev'] : []),
    ...(mount.noexec ? ['noexec'] : []),
    ...(mount.atime === 'noatime' ? ['noatime'] : []),
  ];
}
