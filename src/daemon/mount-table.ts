import { readFileSync } from 'node:fs';

/** One line of proc_pid_mountinfo(5). */
export interface MountEntry {
  mountpoint: string;
  type: string;
  source: string;
  /** `major:minor` */
  device: string;
  /** Flags of this mount and of the file system, such as `ro`, `nosuid`, `relatime`. */
  flags: string[];
}

/** The type that a tsaufs mount shows: FUSE, with tsaufs as its subtype. */
export const mountType = 'fuse.tsaufs';

/** All mounts that a process sees, the later ones on top of the earlier. */
export function readMountTable(pid: number | 'self' = 'self'): MountEntry[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n').filter((line) => line !== '').map(parseLine);
}

/** What is mounted on top at exactly this path. The path itself is not touched: a dead mount may hang. */
export function mountAt(mountpoint: string, table = readMountTable()): MountEntry | undefined {
  return table.findLast((entry) => entry.mountpoint === mountpoint);
}

function parseLine(line: string): MountEntry {
  const fields = line.split(' ');
  const rest = fields.indexOf('-', 6);
  return {
    device: fields[2],
    mountpoint: unescape(fields[4]),
    type: fields[rest + 1],
    source: unescape(fields[rest + 2]),
    flags: [...fields[5].split(','), ...(fields[rest + 3] ?? '').split(',')],
  };
}

/** The kernel writes space, tab, newline and backslash as octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
