// How far the kernel reads ahead of who reads a file from its start to its end.

import { statSync, writeFileSync } from 'node:fs';
import { decodeMajor, decodeMinor } from './reply.js';

/** The largest READ: with the kernel's own 128 KB, a large file takes eight times as many requests. */
const KILOBYTES = 1024;

/**
 * Raises the readahead of a mount. INIT can only lower it; the place is that of its backing device information
 * (sysfs-class-bdi), which is root's. Without effect for others, and where /sys cannot be written.
 */
export function raiseReadahead(mountpoint: string): void {
  try {
    const { dev } = statSync(mountpoint);
    writeFileSync(`/sys/class/bdi/${decodeMajor(dev)}:${decodeMinor(dev)}/read_ahead_kb`, String(KILOBYTES));
  } catch {
    // It serves as well without.
  }
}
