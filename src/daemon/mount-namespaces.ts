import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * A process in another mount namespace (a container, unshare(1)) that still has a mount of this device, `major:minor`:
 * namespaces(7), a new one begins with a copy of all mounts. Undefined where none can be seen; an ordinary user sees his own.
 */
export function holderElsewhere(device: string): { pid: number; command: string } | undefined {
  const seen = new Set([readlinkSync('/proc/self/ns/mnt')]);
  for (const pid of readdirSync('/proc').map(Number)) {
    if (Number.isNaN(pid)) continue;
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (seen.has(namespace)) continue;
      seen.add(namespace);
      if (!hasDevice(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), device)) continue;
      return { pid, command: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
    } catch {
      // It has ended, or is not ours to look at.
    }
  }
  return undefined;
}

function hasDevice(table: string, device: string): boolean {
  return table.split('\n').some((line) => line.split(' ')[2] === device);
}
