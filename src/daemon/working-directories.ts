import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/**
 * Processes whose working or root directory is in the union and lies on one branch alone. FUSE does not tell of
 * them, and AUFS counts them as users of the branch. Of other users' processes only root learns.
 * @returns such as `/d (working directory of process 123)`
 */
export function workingDirectoriesOn(mountpoint: string, branch: string, others: readonly string[]): string[] {
  const inside = mountpoint === '/' ? '/' : `${mountpoint}/`;
  const users: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const [link, what] of [['cwd', 'working'], ['root', 'root']]) {
      const place = readLink(`/proc/${pid}/${link}`);
      if (place === undefined || !place.startsWith(inside)) continue;
      const name = place.slice(inside.length);
      if (isOnlyOn(name, branch, others)) {
        users.push(`/${name} (${what} directory of process ${pid})`);
      }
    }
  }
  return users;
}

/** Whether a directory, by its path in the union, lies on this branch and none of the others. */
export function isOnlyOn(name: string, branch: string, others: readonly string[]): boolean {
  return isDirectory(path.join(branch, name)) && !others.some((other) => isDirectory(path.join(other, name)));
}

function readLink(name: string): string | undefined {
  try {
    return readlinkSync(name);
  } catch {
    return undefined;
  }
}

function isDirectory(name: string): boolean {
  return lstatSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
