// The data of a copy-up: by reflink where the file system can, else in the kernel, else through memory.
// Holes stay holes.

import { E, Errno, must } from '../posix/errno.js';
import { SEEK, copyFileRange, ficlone, ftruncate, lseek, pread, pwrite } from '../posix/file.js';
import { type Block, allocate } from '../posix/memory.js';
import { Stat, fstat } from '../posix/stat.js';
import { PACE, paceOf } from './pace.js';

/** Short enough that a copy can be stopped soon. */
const CHUNK = 4 * 1024 * 1024;
/** What takes no more than one read and one write. */
const SMALL = 256 * 1024;
/** ext4 has folios of up to 2 MB for writes as large: through 256 KB at a time a copy takes a quarter longer. */
const BUFFER_SIZE = 1024 * 1024;
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
  return size <= SMALL && blocks * 512 >= size && copyThroughMemory(source, target, 0, size) === size;
}

/**
 * Copies the first `size` bytes of `source` to the empty file `target`. Returns the bytes of data moved (0 for a file of
 * holes). `stops` is asked now and then, and ends it with ECANCELED. Throws the branch's errno (ENOSPC, EDQUOT, EIO …).
 */
export function copyContent(source: number, target: number, size: number, stops = never): number {
  const copy = new ContentCopy(source, target, size);
  copy.finish(stops);
  return copy.moved;
}

const never = () => false;

/** The same piece by piece: who copies does other things in between, or another goes on at `at`. */
export class ContentCopy {
  /** Bytes of data moved. */
  moved = 0;
  private dataEnd = 0;
  private readonly whole: boolean;
  private inKernel: boolean;
  private readonly remote: boolean;

  constructor(
    private readonly source: number,
    private readonly target: number,
    private readonly size: number,
    /** What lies before is copied. */
    public at = 0,
  ) {
    const paces = [paceOf(source), paceOf(target)];
    const inMemory = paces[0] === PACE.MEMORY && paces[1] === PACE.MEMORY;
    // A server may copy by itself. On a disk (ext4) the kernel's own way, page by page through a pipe, is a tenth slower.
    this.remote = paces.includes(PACE.REMOTE);
    this.inKernel = inMemory || this.remote;
    // tmpfs looks for holes page by page, for 4 ms in 256 MB, and counts exactly what is there.
    this.whole = paces[0] === PACE.MEMORY && fstat(source, st) >= 0 && st.blocks * 512 >= st.size;
  }

  /** Copies the rest. */
  finish(stops = never): void {
    do {
      if (stops()) throw new Errno(E.ECANCELED);
    } while (!this.piece(this.step));
  }

  private get step(): number {
    if (this.inKernel) return CHUNK;
    return this.remote ? SMALL : BUFFER_SIZE;
  }

  /** Copies `most` bytes of data at most. Returns whether that was all. Throws as `copyContent` does. */
  piece(most: number): boolean {
    if (this.at >= this.dataEnd && !this.findData()) {
      must(ftruncate(this.target, this.size));
      return true;
    }
    const to = Math.min(this.dataEnd, this.at + most);
    const from = this.inKernel ? this.copyInKernel(to) : this.at;
    if (from < to) this.moved += copyThroughMemory(this.source, this.target, from, to);
    // Beyond what was there to read the file has been cut meanwhile.
    this.at = to;
    return false;
  }

  /** Goes on to the next data. False: there are none. */
  private findData(): boolean {
    const { source, size } = this;
    if (this.at >= size) return false;
    const start = this.whole ? this.at : lseek(source, this.at, SEEK.DATA);
    if (start === -E.ENXIO) return false;
    // No SEEK_DATA here: all of it is data.
    const from = start < 0 ? this.at : start;
    if (from >= size) return false;
    const hole = this.whole || start < 0 ? size : lseek(source, from, SEEK.HOLE);
    this.at = from;
    this.dataEnd = hole < 0 ? size : Math.min(hole, size);
    return true;
  }

  /** Returns where it came to. */
  private copyInKernel(to: number): number {
    let { at } = this;
    while (at < to) {
      const copied = copyFileRange(this.source, at, this.target, at, to - at, 0);
      if (copied > 0) {
        at += copied;
        this.moved += copied;
        continue;
      }
      if (copied === -E.EINTR) continue;
      // 0: the file was cut meanwhile, or a file system (procfs-like) that does not know its size.
      if (copied !== 0 && !CANNOT.includes(-copied)) throw new Errno(-copied);
      if (copied !== 0) this.inKernel = false;
      break;
    }
    return at;
  }
}

const CANNOT: readonly number[] = [E.EXDEV, E.EINVAL, E.EOPNOTSUPP, E.ENOSYS, E.EBADF, E.EPERM];

const st = new Stat();

function copyThroughMemory(source: number, target: number, from: number, to: number): number {
  buffer ??= allocate(BUFFER_SIZE);
  let at = from;
  while (at < to) {
    const got = pread(source, buffer.address, Math.min(BUFFER_SIZE, to - at), at);
    if (got === -E.EINTR) continue;
    if (must(got) === 0) break;
    for (let put = 0; put < got; ) put += must(pwrite(target, buffer.address + put, got - put, at + put));
    at += got;
  }
  return at - from;
}
