import { readFileSync } from 'node:fs';

/** The mount points in a directory, those on top first. */
export function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\n');
  return lines.map((line) => line.split(' ')[4]).filter((mountpoint) => mountpoint.startsWith(`${directory}/`)).reverse();
}
