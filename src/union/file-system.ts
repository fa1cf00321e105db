// The file systems that a union's branches lie on. A branch can have several: the subvolumes of btrfs and the layers of
// an overlayfs have a device number each, and inode numbers of their own under it.

import { KnownInodes } from './known-inodes.js';

export interface FileSystem {
  /** 0, 1, … in the union; -1: there are too many, see xino.ts. */
  readonly index: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Inode numbers that have another number in the union. */
  readonly inodes: KnownInodes;
}

/** Indexes there are: with 40 bits of inode number they fill 52. */
const INDEXES = 4096;

export class FileSystems {
  private readonly all: FileSystem[] = [];
  /**
   * Numbers in the union that files keep whose inode of that number is gone (moved down to another branch): an inode that
   * gets the same from its branch is another file.
   */
  readonly kept = new Set<number>();
  /** Indexes given to the parts of file systems, by device and part. */
  private readonly indexes = new Map<string, number>();

  /** `openTable` makes a file for the inode numbers of a file system; null with noxino. */
  constructor(private readonly openTable: (() => number) | null) {}

  of(devMajor: number, devMinor: number): FileSystem {
    for (const known of this.all) if (known.devMajor === devMajor && known.devMinor === devMinor) return known;
    const fs = { index: this.index(devMajor, devMinor, 0), devMajor, devMinor, inodes: new KnownInodes(this.openTable) };
    this.all.push(fs);
    return fs;
  }

  /** The index for the inode numbers of a file system from `part` * 2^40 on. */
  partOf(fs: FileSystem, part: number): number {
    return this.index(fs.devMajor, fs.devMinor, part);
  }

  private index(devMajor: number, devMinor: number, part: number): number {
    const key = `${String(devMajor)}:${String(devMinor)}:${String(part)}`;
    const known = this.indexes.get(key);
    if (known !== undefined) return known;
    if (this.indexes.size >= INDEXES) return -1;
    const index = this.indexes.size;
    this.indexes.set(key, index);
    return index;
  }

  close(): void {
    for (const fs of this.all) fs.inodes.close();
  }
}
