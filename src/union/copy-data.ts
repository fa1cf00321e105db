// The data of a copy-up: by reflink where the file system can, else in the kernel, else through memory.
// Holes stay holes.

import { E, Errno, must } from '../posix/errno.js';
import { SEEK, copyFileRange, ficlone, ftruncate, lseek, pread, pwrite } from '../posix/file.js';
import { type Block, allocate } from '../posix/memory.js';

/** Short enough that a copy can be stopped soon. */
const CHUNK = 4 * 1024 * 1024;
const BUFFER_SIZE = 256 * 1024;
let buffer: Block | null = null;

/** A reflink of all of the file, where the file system can. */
export function shareData(source: number, target: number): boolean {
  return ficlone(target, source) >= 0;
}

/**
 * Copies a small file without holes in two system calls, where sharing it, looking for holes and copying in the kernel
 * makes five or six. False where that is not all of it: the file is large, or was cut meanwhile.
 */
export function copySmall(source: number, target: number, size: number, blocks: number): boolean {
  return size <= BUFFER_SIZE && blocks * 512 >= size && copyThroughMemory(source, target, 0, size, never) === size;
}

/**
 * Copies the first `size` bytes of `source` to the empty file `target`. Returns the bytes of data moved (0 for a file of
 * holes). `stops` is asked now and then, and ends it with ECANCELED. Throws the branch's errno (ENOSPC, EDQUOT, EIO …).
 */
export function copyContent(source: number, target: number, size: number, stops = never): number {
  let moved = 0;
  for (let at = 0; at < size; ) {
    const start = lseek(source, at, SEEK.DATA);
    if (start === -E.ENXIO) break;
    // No SEEK_DATA here: all of it is data.
    const from = start < 0 ? at : start;
    if (from >= size) break;
    const hole = start < 0 ? size : lseek(source, from, SEEK.HOLE);
    const to = hole < 0 ? size : Math.min(hole, size);
    moved += copyRange(source, target, from, to, stops);
    at = to;
  }
  must(ftruncate(target, size));
  return moved;
}

const never = () => false;

function copyRange(source: number, target: number, from: number, to: number, stops: () => boolean): number {
  let at = from;
  while (at < to) {
    if (stops()) throw new Errno(E.ECANCELED);
    const copied = copyFileRange(source, at, target, at, Math.min(CHUNK, to - at), 0);
    if (copied > 0) {
      at += copied;
      continue;
    }
    if (copied === -E.EINTR) continue;
    // 0: the file was cut meanwhile, or a file system (procfs-like) that does not know its size.
    if (copied === 0 || [E.EXDEV, E.EINVAL, E.EOPNOTSUPP, E.ENOSYS, E.EBADF, E.EPERM].includes(-copied as never)) {
      return at - from + copyThroughMemory(source, target, at, to, stops);
    }
    throw new Errno(-copied);
  }
  return at - from;
}

function copyThroughMemory(source: number, target: number, from: number, to: number, stops: () => boolean): number {
  buffer ??= allocate(BUFFER_SIZE);
  let at = from;
  while (at < to) {
    if (stops()) throw new Errno(E.ECANCELED);
    const got = pread(source, buffer.address, Math.min(BUFFER_SIZE, to - at), at);
    if (got === -E.EINTR) continue;
    if (must(got) === 0) break;
    for (let put = 0; put < got; ) put += must(pwrite(target, buffer.address + put, got - put, at + put));
    at += got;
  }
  return at - from;
}
