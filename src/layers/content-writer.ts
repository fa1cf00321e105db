import { Errno, E } from '../posix/errno.js';
import { ftruncate, pwrite, write } from '../posix/file.js';
import { addressOf, allocate } from '../posix/memory.js';
import { LayerError, shownName } from './error.js';
import type { LayerEntry } from './entry.js';
import { SparseContent } from './sparse.js';

const BUFFER = 256 << 10;
/** From this size on a piece is written where it lies: its address costs as much as copying some kilobytes. */
const LARGE = 16 << 10;

/** Writes the content of one file after the other, as it comes. */
export class ContentWriter {
  private fd = -1;
  private entry: LayerEntry | null = null;
  private sparse: SparseContent | null = null;
  private readonly buffer = allocate(BUFFER);
  private filled = 0;

  start(fd: number, entry: LayerEntry): void {
    this.fd = fd;
    this.entry = entry;
    this.filled = 0;
    this.sparse = entry.sparse === undefined ? null : new SparseContent(entry.sparse);
  }

  /** Throws LayerError, as all here. */
  data(piece: Buffer): void {
    if (this.sparse !== null) {
      this.sparse.push(piece, (part, offset) => this.writeAt(part, offset));
      return;
    }
    if (piece.length > BUFFER - this.filled || piece.length >= LARGE) this.flush();
    if (piece.length >= LARGE) {
      this.write(addressOf(piece), piece.length);
      return;
    }
    piece.copy(this.buffer.bytes, this.filled);
    this.filled += piece.length;
  }

  end(): void {
    if (this.sparse !== null) {
      this.sparse.end();
      this.check(ftruncate(this.fd, this.entry!.size));
    } else {
      this.flush();
    }
    this.fd = -1;
    this.entry = null;
  }

  private flush(): void {
    if (this.filled > 0) this.write(this.buffer.address, this.filled);
    this.filled = 0;
  }

  private write(address: number, size: number): void {
    for (let done = 0; done < size;) {
      const written = write(this.fd, address + done, size - done);
      if (written === -E.EINTR) continue;
      this.check(written);
      done += written;
    }
  }

  private writeAt(part: Buffer, offset: number): void {
    const address = addressOf(part);
    for (let done = 0; done < part.length;) {
      const written = pwrite(this.fd, address + done, part.length - done, offset + done);
      if (written === -E.EINTR) continue;
      this.check(written);
      done += written;
    }
  }

  private check(result: number): void {
    if (result < 0) throw new LayerError(`${shownName(this.entry!.name)}: ${new Errno(-result).message}`);
  }
}
