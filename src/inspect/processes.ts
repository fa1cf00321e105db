// Which processes use files of a mounted file system, by what /proc tells of them.

import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** One way in which a process uses a file. */
export interface Use {
  /** `cwd`, `root`, `exe` (the program that runs), `fd 3`, `mmap`. */
  what: string;
  ino: number;
  /** As the kernel tells it: bytes as a latin1 string. */
  path: string;
}

export interface UsingProcess {
  pid: number;
  /** Its arguments, or its name where it has none: bytes as a latin1 string. */
  command: string;
  uses: Use[];
}

export interface Users {
  processes: UsingProcess[];
  /** Processes whose files this user may not see. */
  closed: number;
}

/** A file system by its number, as stat(2) tells it, or `major:minor` as in /proc/PID/mountinfo. */
export function usersOf(device: string): Users {
  const [major, minor] = device.split(':').map(Number);
  const users: Users = { processes: [], closed: 0 };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b);
  for (const pid of pids) {
    try {
      const uses = usesOf(pid, major, minor);
      if (uses.length > 0) users.processes.push({ pid, command: commandOf(pid), uses });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') users.closed++;
      // It has ended meanwhile.
      else if (code !== 'ENOENT' && code !== 'ESRCH') throw error;
    }
  }
  return users;
}

function usesOf(pid: number, major: number, minor: number): Use[] {
  const at = `/proc/${pid}`;
  const links = [...['cwd', 'root', 'exe'].map((name) => [name, name]), ...readdirSync(`${at}/fd`).map((fd) => [`fd ${fd}`, `fd/${fd}`])];
  const wanted = deviceNumber(major, minor);
  const uses: Use[] = [];
  for (const [what, link] of links) {
    const found = statOrNone(`${at}/${link}`);
    if (found?.dev === wanted) uses.push({ what, ino: Number(found.ino), path: readlinkSync(`${at}/${link}`, 'latin1') });
  }
  return [...uses, ...mappings(pid, major, minor)];
}

/** As the C library puts both into one number. */
function deviceNumber(major: number, minor: number): bigint {
  return (BigInt(major & 0xfff) << 8n) | (BigInt(major & ~0xfff) << 32n) | BigInt(minor & 0xff) | (BigInt(minor & ~0xff) << 12n);
}

/** Undefined for what has gone meanwhile, and where nobody answers any more. */
function statOrNone(link: string): { dev: bigint; ino: bigint } | undefined {
  try {
    return statSync(link, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') throw error;
    return undefined;
  }
}

/** proc_pid_maps(5): addresses, permissions, offset, device in hexadecimal, inode number, path. A file may be there many times. */
function mappings(pid: number, major: number, minor: number): Use[] {
  const uses = new Map<number, Use>();
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const match = /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) +(.*)$/.exec(line);
    if (match === null || parseInt(match[1], 16) !== major || parseInt(match[2], 16) !== minor) continue;
    const ino = Number(match[3]);
    // Only a newline is written otherwise there.
    if (ino !== 0) uses.set(ino, { what: 'mmap', ino, path: match[4].replaceAll('\\012', '\n') });
  }
  return [...uses.values()];
}

function commandOf(pid: number): string {
  const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0+$/, '').replaceAll('\0', ' ');
  return line === '' ? readFileSync(`/proc/${pid}/comm`, 'latin1').trimEnd() : line;
}
