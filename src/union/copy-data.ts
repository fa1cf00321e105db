// The data of a copy-up: by reflink where the file system can, else in the kernel, else through memory.
// Holes stay holes.

import { E, Errno, must } from '../posix/errno.js';
import { SEEK, copyFileRange, ficlone, ftruncate, lseek, pread, pwrite } from '../posix/file.js';
import { type Block, allocate } from '../posix/memory.js';

const CHUNK = 16 * 1024 * 1024;
const BUFFER_SIZE = 256 * 1024;
let buffer: Block | null = null;

/**
 * Copies the first `size` bytes of `source` to the empty file `target`. Returns the bytes of data moved
 * (0 for a reflink or a file of holes). Throws the branch's errno (ENOSPC, EDQUOT, EIO …).
 */
export function copyData(source: number, target: number, size: number, whole: boolean): number {
  if (size === 0) return 0;
  // A reflink shares all of the file: only for a copy of the whole.
  if (whole && ficlone(target, source) >= 0) return 0;
  let moved = 0;
  for (let at = 0; at < size; ) {
    const start = lseek(source, at, SEEK.DATA);
    if (start === -E.ENXIO) break;
    // No SEEK_DATA here: all of it is data.
    const from = start < 0 ? at : start;
    if (from >= size) break;
    const hole = start < 0 ? size : lseek(source, from, SEEK.HOLE);
    const to = hole < 0 ? size : Math.min(hole, size);
    moved += copyRange(source, target, from, to);
    at = to;
  }
  must(ftruncate(target, size));
  return moved;
}

function copyRange(source: number, target: number, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const copied = copyFileRange(source, at, target, at, Math.min(CHUNK, to - at), 0);
    if (copied > 0) {
      at += copied;
      continue;
    }
    // 0: the file was cut meanwhile, or a file system (procfs-like) that does not know its size.
    if (copied === 0 || [E.EXDEV, E.EINVAL, E.EOPNOTSUPP, E.ENOSYS, E.EBADF, E.EPERM].includes(-copied as never)) {
      return at - from + copyThroughMemory(source, target, at, to);
    }
    throw new Errno(-copied);
  }
  return at - from;
}

function copyThroughMemory(source: number, target: number, from: number, to: number): number {
  buffer ??= allocate(BUFFER_SIZE);
  let at = from;
  while (at < to) {
    const got = must(pread(source, buffer.address, Math.min(BUFFER_SIZE, to - at), at));
    if (got === 0) break;
    for (let put = 0; put < got; ) put += must(pwrite(target, buffer.address + put, got - put, at + put));
    at += got;
  }
  return at - from;
}
