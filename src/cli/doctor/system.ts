// What the checks look at: files of /proc and /sys below `root`, which tests replace.

import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import path from 'node:path';

export interface System {
  root: string;
  /** `6.18.4-arch1`. */
  release: string;
  uid: number;
}

export function thisSystem(): System {
  return { root: '/', release: release(), uid: process.geteuid!() };
}

/** The text of a file, without the newline at its end; undefined where it cannot be read. */
export function readText(system: System, name: string): string | undefined {
  try {
    return readFileSync(path.join(system.root, name), 'utf8').replace(/\n$/, '');
  } catch {
    return undefined;
  }
}

export function readNumber(system: System, name: string): number | undefined {
  const text = readText(system, name);
  return text === undefined || !/^\d+$/.test(text.trim()) ? undefined : Number(text);
}

/** Whether the running Linux is that version or a later one. */
export function isLinux({ release: text }: System, major: number, minor: number): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(text) ?? ['', '0', '0'];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

const CAP_SYS_ADMIN = 21n;

/** Whether this process may mount by itself, capabilities(7). */
export function maySysAdmin(system: System): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText(system, 'proc/self/status') ?? '')?.[1] ?? '0';
  return (BigInt(`0x${effective}`) >> CAP_SYS_ADMIN & 1n) === 1n;
}

/** Whether root here is root of the machine, and not of a user namespace, user_namespaces(7). */
export function isInitialNamespace(system: System): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readText(system, 'proc/self/uid_map') ?? '');
}
