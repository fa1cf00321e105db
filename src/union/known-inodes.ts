// The inodes of one file system that have another number in the union than their own would give. In memory while
// they are few, then in a table on disk as AUFS's xino has it: indexed by the branch's inode number, full of holes,
// without a name, gone with the mount.

import { Errno, must } from '../posix/errno.js';
import { close, pread, pwrite } from '../posix/file.js';
import { allocate } from '../posix/memory.js';

/** What is kept in memory: about 8 MB. */
const KEPT = 65_536;
/** A record on disk: the number in the union and the inode's birth, both as 64-bit floating point. */
const RECORD = 16;

const record = allocate(RECORD);
const fields = new Float64Array(record.bytes.buffer, record.bytes.byteOffset, 2);

export class KnownInodes {
  private readonly numbers = new Map<number, number>();
  private readonly births = new Map<number, number>();
  private table = -1;
  private kept = KEPT;

  /** `openTable` makes the file, or throws; null where numbers are not to be remembered (noxino). */
  constructor(private readonly openTable: (() => number) | null) {}

  /** 0 as long as nothing was ever remembered: then nobody need ask. */
  get size(): number {
    return this.table >= 0 ? Infinity : this.numbers.size;
  }

  /** Whether a number may be another than the one that was given (noxino). */
  get forgets(): boolean {
    return this.openTable === null;
  }

  /** `birth` 0: not known to the caller. A number whose birth differs was given out again: to another file. */
  get(ino: number, birth: number): number | undefined {
    let number = this.numbers.get(ino);
    let born = this.births.get(ino);
    if (number === undefined && this.table >= 0 && this.read(ino)) {
      number = fields[0];
      born = fields[1];
    }
    if (number === undefined || birth === 0 || born === birth) return number;
    this.delete(ino);
    return undefined;
  }

  set(ino: number, birth: number, number: number): void {
    if (this.openTable === null) return;
    this.numbers.set(ino, number);
    this.births.set(ino, birth);
    if (this.numbers.size > this.kept) this.spill(this.openTable);
  }

  delete(ino: number): void {
    this.births.delete(ino);
    if (this.numbers.delete(ino) && this.table < 0) return;
    if (this.table >= 0 && this.read(ino)) this.write(ino, 0, 0);
  }

  close(): void {
    if (this.table >= 0) close(this.table);
    this.table = -1;
  }

  /** Moves what is in memory to the table. Where there is no room for it, memory goes on serving. */
  private spill(openTable: () => number): void {
    try {
      if (this.table < 0) this.table = openTable();
      for (const [ino, number] of this.numbers) this.write(ino, number, this.births.get(ino) ?? 0);
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      this.kept *= 2;
      return;
    }
    this.numbers.clear();
    this.births.clear();
  }

  private read(ino: number): boolean {
    return pread(this.table, record.address, RECORD, ino * RECORD) === RECORD && fields[0] !== 0;
  }

  private write(ino: number, number: number, birth: number): void {
    fields[0] = number;
    fields[1] = birth;
    must(pwrite(this.table, record.address, RECORD, ino * RECORD), 'xino');
  }
}
