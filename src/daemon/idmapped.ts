// Layers that the kernel maps already (idmapped mounts, mount_setattr(2)).

import type { UnionOptions } from '../union/options.js';
import { readMountTable, type MountEntry } from './mount-table.js';

/**
 * The options without `uidmapping=` and `gidmapping=` where a branch lies on an idmapped mount. containers-storage 1.43
 * (Podman 4.3) gives both as root: its layers through such mounts, and options that map them once more; the upper
 * directory then has the owners that the kernel's overlayfs would have written there.
 */
export function mappedOnce(union: UnionOptions, table: readonly MountEntry[] | null = null): UnionOptions {
  if (union.uidMapping.length === 0 && union.gidMapping.length === 0) return union;
  const mounts = table ?? readMountTable();
  if (!union.branches.some(({ path }) => mountOf(path, mounts)?.flags.includes('idmapped'))) return union;
  return { ...union, uidMapping: [], gidMapping: [] };
}

/** The mount that a path lies on: the last of those with the longest mount point. */
function mountOf(path: string, mounts: readonly MountEntry[]): MountEntry | undefined {
  let found: MountEntry | undefined;
  for (const mount of mounts) {
    const inside = mount.mountpoint === '/' || path === mount.mountpoint || path.startsWith(`${mount.mountpoint}/`);
    if (inside && mount.mountpoint.length >= (found?.mountpoint.length ?? 0)) found = mount;
  }
  return found;
}
