/**
 * How many descriptors this process may have open (RLIMIT_NOFILE, getrlimit(2)).
 */
import { readFileSync } from 'node:fs';
import { must } from './errno.js';
import { allocate, readU64, write64 } from './memory.js';
import { NR, sys4 } from './syscall.js';

const RLIMIT_NOFILE = 7;

/** Infinity stands for RLIM_INFINITY. */
export interface Limit {
  readonly soft: number;
  readonly hard: number;
}

// struct rlimit64 { u64 soft; u64 hard; }
const limit = allocate(16);

function readLimit(index: number): number {
  return limit.u32[index] === 0xffffffff && limit.u32[index + 1] === 0xffffffff
    ? Infinity
    : readU64(limit.u32, index);
}

function writeLimit(index: number, value: number): void {
  if (value === Infinity) limit.u32.fill(0xffffffff, index, index + 2);
  else write64(limit.u32, index, value);
}

/** The limits now: `soft` is in force, and may be raised up to `hard`. */
export function getNofile(): Limit {
  // Cannot fail for one's own process and valid memory.
  must(sys4(NR.prlimit64, 0, RLIMIT_NOFILE, 0, limit.address), 'RLIMIT_NOFILE');
  return { soft: readLimit(0), hard: readLimit(2) };
}

/** Sets the limits. 0 or -errno: EPERM above fs.nr_open, or above the hard limit without CAP_SYS_RESOURCE. */
export function setNofile(soft: number, hard: number): number {
  writeLimit(0, soft);
  writeLimit(2, hard);
  return sys4(NR.prlimit64, 0, RLIMIT_NOFILE, limit.address, 0);
}

/**
 * Raises this process's limit as far as it may: for root (CAP_SYS_RESOURCE) to fs.nr_open, else to its hard limit.
 * Returns the limit in force.
 */
export function raiseNofile(): number {
  const { hard } = getNofile();
  const most = Math.max(hard, mostDescriptors());
  if (setNofile(most, most) < 0) setNofile(hard, hard);
  return getNofile().soft;
}

function mostDescriptors(): number {
  try {
    return Number(readFileSync('/proc/sys/fs/nr_open', 'latin1'));
  } catch {
    return 0;
  }
}
