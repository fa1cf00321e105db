// What a layer, or several on each other, changes of the layers below.

import type { Readable } from 'node:stream';
import { AT, readDirectory } from '../../posix/directory.js';
import { Errno, must } from '../../posix/errno.js';
import { O, close, openat } from '../../posix/file.js';
import { nameFromText } from '../../posix/name.js';
import { S, Stat, statat } from '../../posix/stat.js';
import { changesOf, type ChangeKind } from '../diff.js';
import { LayerError } from '../error.js';
import { packLayer, type PackOptions } from '../pack.js';
import { mergeLayers } from './merge.js';

/** Directories of layers, from the top down. */
export interface LayerChain {
  /** Those whose changes are asked for; at least one. */
  own: readonly string[];
  below: readonly string[];
}

/** As Docker has it: the numbers stand for C, A and D. */
export interface Change {
  Path: string;
  Kind: 0 | 1 | 2;
}

const kinds: Record<ChangeKind, Change['Kind']> = { C: 0, A: 1, D: 2 };

/** An archive of the changes. The stream fails with a LayerError. */
export function openDiff(chain: LayerChain, home: string, options: PackOptions): Readable {
  if (chain.own.length === 1) return packLayer(chain.own[0], options);
  const merged = mergeLayers(chain.own, home);
  const archive = packLayer(merged.directory, options);
  archive.once('close', () => merged.remove());
  return archive;
}

export function listChanges(chain: LayerChain, home: string): Change[] {
  const below = chain.below.map((path) => ({ path }));
  const list = (directory: string): Change[] => changesOf(directory, below).map(({ kind, path }) => ({
    Path: Buffer.from(path, 'latin1').toString('utf8'), Kind: kinds[kind],
  }));
  if (chain.own.length === 1) return list(chain.own[0]);
  const merged = mergeLayers(chain.own, home);
  try {
    return list(merged.directory);
  } finally {
    merged.remove();
  }
}

const st = new Stat();

/** Bytes of the files in a directory; those with several names count once. */
export function contentSize(directory: string): number {
  const root = openat(AT.FDCWD, nameFromText(directory), O.RDONLY | O.DIRECTORY, 0);
  try {
    must(root, directory);
    return sizeBelow(root, new Set());
  } catch (error) {
    throw error instanceof Errno ? new LayerError(error.message) : error;
  } finally {
    if (root >= 0) close(root);
  }
}

function sizeBelow(dirfd: number, counted: Set<string>): number {
  let size = 0;
  const names: string[] = [];
  must(readDirectory(dirfd, (name) => names.push(name)));
  for (const name of names) {
    // Who uses a container may remove things meanwhile.
    if (statat(dirfd, name, st) < 0) continue;
    if ((st.mode & S.IFMT) === S.IFDIR) {
      const fd = openat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
      if (fd < 0) continue;
      try {
        size += sizeBelow(fd, counted);
      } finally {
        close(fd);
      }
    } else if (st.nlink === 1 || !counted.has(inode(st))) {
      if (st.nlink > 1) counted.add(inode(st));
      size += st.size;
    }
  }
  return size;
}

function inode({ devMajor, devMinor, ino }: Stat): string {
  return `${devMajor}:${devMinor}:${ino}`;
}
