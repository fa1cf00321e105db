// Branches between and below the two that are made the same, at one directory.

import { E, Errno } from '../../posix/errno.js';
import { O, close, openat } from '../../posix/file.js';
import { Stat, statat } from '../../posix/stat.js';
import { hasWhiteout, isNotThere, isOpaque } from '../../union/whiteout.js';

/** A branch of the union, from the top down. */
export interface SyncBranch {
  /** As text. */
  path: string;
  /** Its whiteouts and opaque marks count. */
  whiteouts: boolean;
}

/** The part of a directory on such a branch. */
export interface Part extends SyncBranch {
  fd: number;
}

const st = new Stat();

/** The first that has the name, or whose whiteout hides it; undefined where none does. */
export function firstWith(parts: readonly Part[], name: string): { path: string; hidden: boolean } | undefined {
  for (const { fd, path, whiteouts } of parts) {
    if (whiteouts && hasWhiteout(fd, name)) return { path, hidden: true };
    const result = statat(fd, name, st);
    if (result >= 0) return { path, hidden: false };
    // What cannot be looked at might have it.
    if (!isNotThere(result)) throw new Errno(-result, path);
  }
  return undefined;
}

/** The parts of a directory in it, down to one that is opaque or hidden by a whiteout, which `ends` tells. To be closed. */
export function enter(parts: readonly Part[], name: string): { parts: Part[]; ends: string | null } {
  const found: Part[] = [];
  try {
    for (const part of parts) {
      if (part.whiteouts && hasWhiteout(part.fd, name)) return { parts: found, ends: part.path };
      // As a lookup does: what is no directory is passed over.
      const fd = openat(part.fd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
      if (isNotThere(fd) || fd === -E.ENOTDIR || fd === -E.ELOOP) continue;
      if (fd < 0) throw new Errno(-fd, part.path);
      found.push({ ...part, fd });
      if (part.whiteouts && isOpaque(fd)) return { parts: found, ends: part.path };
    }
    return { parts: found, ends: null };
  } catch (error) {
    leave(found);
    throw error;
  }
}

export function leave(parts: readonly Part[]): void {
  for (const { fd } of parts) close(fd);
}
