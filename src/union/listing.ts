// What a directory lists, as one piece of memory: a large one is read, kept and handed on without an object, nor even a
// string, for each name.

import type { DirectoryEntry } from '../posix/directory.js';
import { DT } from '../posix/directory.js';
import type { Branch } from './branch.js';
import { listedInode } from './xino.js';

// A record, in whole words of 64 bits: inode number (64 bits), the cookie of what follows (64 bits), length of the name
// and DT_ type (32 bits each), the name, zeros. It is what the kernel calls struct fuse_dirent.
const INODE = 0;
const COOKIE = 2;
const LENGTH = 4;
const TYPE = 5;
const NAME = 24;

const TWO_32 = 2 ** 32;
/** Below this length a loop beats the call into Node's copy. */
const SHORT = 48;

/** Position 0 is '.', 1 is '..'. The cookie of an entry is the position after it. */
export const FIRST_NAME = 2;

export class Listing {
  private bytes = Buffer.alloc(0);
  private words = new Uint32Array(0);
  /** Where each record begins, and one more: where the next will. */
  private starts = new Uint32Array(64);
  /** How many names and dots. */
  count = 0;
  /** Where the names of each layer end; they stand in the order of `layers`. */
  private readonly ends: number[] = [];

  /** `version` is the directory's: while it is the same, a name is still where it was found. */
  constructor(readonly version: number, private readonly layers: readonly Branch[], own: number, parent: number) {
    this.grow(4096);
    this.addText('.', DT.DIR, own);
    this.addText('..', DT.DIR, parent);
  }

  /** Takes in what layer `branch` has. */
  add(entry: DirectoryEntry, branch: Branch): void {
    const { start, end, bytes: from } = entry;
    const length = end - start;
    const at = this.begin(length, entry.type, listedInode(branch, entry.ino)) + NAME;
    const { bytes } = this;
    if (length > SHORT) from.copy(bytes, at, start, end);
    else for (let i = 0; i < length; i++) bytes[at + i] = from[start + i];
  }

  private addText(name: string, type: number, ino: number): void {
    this.bytes.latin1Write(name, this.begin(name.length, type, ino) + NAME);
  }

  /** Appends a record but for its name; returns where it begins. */
  private begin(length: number, type: number, ino: number): number {
    const at = this.starts[this.count];
    const next = (at + NAME + length + 7) & ~7;
    if (next > this.bytes.length) this.grow(next);
    if (this.count + 2 > this.starts.length) this.growStarts();
    const { words } = this;
    const word = at >>> 2;
    words[word + INODE] = ino;
    words[word + INODE + 1] = Math.floor(ino / TWO_32);
    words[word + COOKIE] = ++this.count;
    words[word + COOKIE + 1] = 0;
    // First the zeros after the name, which has one byte at least: what was removed may have stood here.
    words[(next >>> 2) - 2] = words[(next >>> 2) - 1] = 0;
    words[word + LENGTH] = length;
    words[word + TYPE] = type;
    this.starts[this.count] = next;
    return at;
  }

  private grow(least: number): void {
    const larger = Buffer.from(new ArrayBuffer(Math.max(2 * this.bytes.length, least)));
    this.bytes.copy(larger);
    this.bytes = larger;
    this.words = new Uint32Array(larger.buffer, 0, larger.length >>> 2);
  }

  private growStarts(): void {
    const more = new Uint32Array(2 * this.starts.length);
    more.set(this.starts);
    this.starts = more;
  }

  /** The layer of the moment is read. */
  endLayer(): void {
    this.ends.push(this.count);
  }

  name(i: number): string {
    const at = this.starts[i];
    return this.bytes.latin1Slice(at + NAME, at + NAME + this.words[(at >>> 2) + LENGTH]);
  }

  /** DT_*. */
  type(i: number): number {
    return this.words[(this.starts[i] >>> 2) + TYPE];
  }

  /** The union's inode number, as far as a listing tells. */
  ino(i: number): number {
    const word = this.starts[i] >>> 2;
    return this.words[word] + this.words[word + 1] * TWO_32;
  }

  /** Where name `i` was first found. */
  branch(i: number): Branch {
    let layer = 0;
    while (i >= this.ends[layer]) layer++;
    return this.layers[layer];
  }

  /** Copies the records from position `from` on, as many as go into `room` bytes, to `to`; returns their bytes. */
  copy(from: number, to: Buffer, room: number): number {
    if (from >= this.count) return 0;
    const start = this.starts[from];
    // The last position whose record is not beyond the room.
    let fits = from;
    let over = this.count + 1;
    while (over - fits > 1) {
      const middle = (fits + over) >>> 1;
      if (this.starts[middle] - start <= room) fits = middle;
      else over = middle;
    }
    return this.bytes.copy(to, 0, start, this.starts[fits]);
  }

  /** Takes the names in `gone` out that stand at `from` or after it. */
  remove(from: number, gone: ReadonlySet<string>): void {
    const { bytes, starts } = this;
    const before = this.count;
    this.count = from;
    for (let i = from; i < before; i++) {
      if (gone.has(this.name(i))) continue;
      const start = starts[i];
      const end = starts[i + 1];
      const at = starts[this.count];
      bytes.copyWithin(at, start, end);
      this.words[(at >>> 2) + COOKIE] = ++this.count;
      starts[this.count] = at + end - start;
    }
  }
}
