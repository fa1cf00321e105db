import { close, fstat, open, read } from 'node:fs';
import { Readable } from 'node:stream';

/** Bytes of one read, and how many of them are read ahead. */
const PIECE = 1 << 20;
const AHEAD = 4;

/** Pieces of memory that are kept to be read into again: fresh ones cost more than the reading, being zeroed first. */
const SPARE = 16;

/** From this size on another thread is worth its start. */
const LARGE = 8 << 20;

/**
 * A layer's archive in a file, to be applied: read ahead, into memory that threads share, so that others can digest it while
 * its files are written. Fails as createReadStream does.
 */
export class LayerFile extends Readable {
  private fd = -1;
  private position: number;
  /** Read and not delivered. */
  private readonly ahead: Buffer[] = [];
  private isAtEnd = false;
  private isReading = false;
  private readonly spare: SharedArrayBuffer[] = [];
  /** Of memory that was delivered: how many bytes have still to be done with. */
  private readonly inUse = new Map<ArrayBufferLike, number>();
  /** How many have to be done with each byte, before its memory is used again; 0: it never is. */
  private users = 0;
  private isWanted = false;
  private whenRead: (() => void) | null = null;
  /** Where to stop; undefined for what is not a regular file. */
  private end: number | undefined;

  /** `part`: the bytes in a larger file. */
  constructor(private readonly path: string, part?: { offset: number; size: number }) {
    super({ highWaterMark: PIECE });
    this.position = part?.offset ?? 0;
    this.end = part === undefined ? undefined : part.offset + part.size;
  }

  override _construct(done: (error?: Error | null) => void): void {
    open(this.path, 'r', (error, fd) => {
      if (error !== null) {
        done(error);
        return;
      }
      this.fd = fd;
      fstat(fd, (failed, stats) => {
        if (failed === null && stats.isFile()) this.end ??= stats.size;
        done(failed);
      });
    });
  }

  /** Whether it is worth a thread that digests it. */
  isLarge(): boolean {
    return (this.end ?? 0) - this.position > LARGE;
  }

  /**
   * Memory is used again once so many users have told with `doneWith` of every byte. Before the first is read; else each
   * piece is the reader's to keep.
   */
  reuseMemory(users: number): void {
    this.users = users;
  }

  /** `piece`: what this stream has given, or a part of it. */
  doneWith(piece: Buffer): void {
    const left = this.inUse.get(piece.buffer);
    if (left === undefined) return;
    if (left > piece.length) {
      this.inUse.set(piece.buffer, left - piece.length);
      return;
    }
    this.inUse.delete(piece.buffer);
    if (this.spare.length < SPARE) this.spare.push(piece.buffer as SharedArrayBuffer);
  }

  override _read(): void {
    this.isWanted = true;
    this.deliver();
  }

  private deliver(): void {
    // Before a piece goes on: whoever takes it works on it at once, while the next is being read.
    this.fetch();
    if (!this.isWanted) return;
    const piece = this.ahead.shift();
    if (piece === undefined && !this.isAtEnd) return;
    this.isWanted = false;
    this.push(piece ?? null);
  }

  private fetch(): void {
    if (this.isReading || this.isAtEnd || this.ahead.length >= AHEAD) return;
    const wanted = Math.min(PIECE, (this.end ?? Infinity) - this.position);
    if (wanted <= 0) {
      this.isAtEnd = true;
      return;
    }
    this.isReading = true;
    const memory = this.spare.pop() ?? new SharedArrayBuffer(PIECE);
    const piece = Buffer.from(memory, 0, wanted);
    read(this.fd, piece, 0, wanted, this.end === undefined ? null : this.position, (error, count) => {
      this.isReading = false;
      if (this.whenRead !== null) {
        this.whenRead();
      } else if (error !== null) {
        this.destroy(error);
      } else {
        this.position += count;
        if (count === 0) this.isAtEnd = true;
        else this.ahead.push(piece.subarray(0, count));
        if (this.users > 0 && count > 0) this.inUse.set(memory, count * this.users);
        this.deliver();
      }
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { fd } = this;
    const end = (): void => {
      if (fd < 0) done(error);
      else close(fd, () => done(error));
    };
    // The number could be another file's by the time that it is read from.
    if (this.isReading) this.whenRead = end;
    else end();
  }
}
