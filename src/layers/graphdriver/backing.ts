import { statfsSync } from 'node:fs';

/** Magic numbers of statfs(2) and the names that Docker has for them. */
const names = new Map<number, string>([
  [0xef53, 'extfs'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x2fc12fc1, 'zfs'],
  [0xf2f52010, 'f2fs'],
  [0x3153464a, 'jfs'],
  [0x52654973, 'reiserfs'],
  [0x65735546, 'fuse'],
  [0x794c7630, 'overlayfs'],
  [0x6969, 'nfs'],
]);

/** The kind of file system that a directory lies on, as `docker info` shows it. */
export function backingFileSystem(directory: string): string {
  return names.get(statfsSync(directory).type) ?? '<unknown>';
}
