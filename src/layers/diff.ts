// What a branch changes of the branches below it, as `docker diff` tells it.

import { readDirectory } from '../posix/directory.js';
import { Errno, must } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { withDirectories } from '../posix/open-directories.js';
import { S, Stat, statat } from '../posix/stat.js';
import { WHITEOUT_PREFIX } from '../union/name.js';
import { OPAQUE_MARK, hasWhiteout, isOpaque } from '../union/whiteout.js';
import { RECORD_PREFIX } from './entry-name.js';
import { LayerError, shownName } from './error.js';

/** A: added, C: changed, or a directory with changes in it, D: deleted. */
export type ChangeKind = 'A' | 'C' | 'D';

export interface Change {
  kind: ChangeKind;
  /** From the root of the union, beginning with `/`: bytes as a latin1 string. */
  path: string;
}

/** A branch below. */
export interface LowerBranch {
  path: string;
  /** Its whiteouts count: AUFS's `ro` without `wh` has none. Default true. */
  whiteouts?: boolean;
}

/** An open directory of a branch below. */
interface Lower {
  fd: number;
  whiteouts: boolean;
}

/**
 * The changes, in the order of their paths' bytes. `directory` and the branches below, the uppermost first, are paths as
 * text. Without any below, all is added, and every whiteout a deletion. Throws LayerError.
 */
export function changesOf(directory: string, below: readonly LowerBranch[]): Change[] {
  try {
    return withDirectories([directory, ...below.map(({ path }) => path)], ([top, ...fds]) => {
      const lowers = below.map(({ whiteouts = true }, i) => ({ fd: fds[i], whiteouts }));
      const changes: Change[] = [];
      compare(top, lowers, '/', below.length > 0, changes);
      return changes;
    });
  } catch (error) {
    throw error instanceof Errno ? new LayerError(error.message) : error;
  }
}

const st = new Stat();
const other = new Stat();

/** `known`: there are branches below, so that a whiteout of what none of them has is no deletion. */
function compare(top: number, lowers: readonly Lower[], path: string, known: boolean, changes: Change[]): void {
  const names = new Set<string>();
  const deleted = new Set<string>();
  let opaque = false as boolean;
  must(readDirectory(top, (name) => {
    if (name === OPAQUE_MARK) opaque = true;
    else if (name.startsWith(RECORD_PREFIX)) return;
    else if (name.startsWith(WHITEOUT_PREFIX)) deleted.add(name.slice(WHITEOUT_PREFIX.length));
    else names.add(name);
  }), shownName(path));
  if (opaque) for (const name of visibleIn(lowers)) if (!names.has(name)) deleted.add(name);
  // The whiteout counts where the name stands beside it.
  for (const name of deleted) names.delete(name);
  for (const name of [...names, ...deleted].sort((a, b) => a < b ? -1 : 1)) {
    if (deleted.has(name)) {
      if (!known || isVisible(lowers, name)) changes.push({ kind: 'D', path: path + name });
      continue;
    }
    compareName(top, lowers, path, name, opaque, known, changes);
  }
}

function compareName(
  top: number, lowers: readonly Lower[], path: string, name: string, opaque: boolean, known: boolean, changes: Change[],
): void {
  must(statat(top, name, st), shownName(path + name));
  const isDirectory = (st.mode & S.IFMT) === S.IFDIR;
  const isBelow = isVisible(lowers, name, other);
  const same = isDirectory && isBelow && !opaque && isSameDirectory(st, other);
  const at = changes.length;
  if (isDirectory) {
    const fd = must(openat(top, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), shownName(path + name));
    const below = isBelow ? enter(lowers, name) : [];
    try {
      compare(fd, below, `${path}${name}/`, known, changes);
    } finally {
      for (const lower of below) close(lower.fd);
      close(fd);
    }
  }
  // A directory is told of before what is in it, and told of for that alone.
  if (!same || changes.length > at) changes.splice(at, 0, { kind: isBelow ? 'C' : 'A', path: path + name });
}

function isSameDirectory(a: Stat, b: Stat): boolean {
  return (b.mode & S.IFMT) === S.IFDIR && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid &&
    a.mtime === b.mtime && a.mtimeNsec === b.mtimeNsec;
}

function isVisible(lowers: readonly Lower[], name: string, found = new Stat()): boolean {
  for (const lower of lowers) {
    if (lower.whiteouts && hasWhiteout(lower.fd, name)) return false;
    if (statat(lower.fd, name, found) >= 0) return true;
  }
  return false;
}

function visibleIn(lowers: readonly Lower[]): Set<string> {
  const names = new Set<string>();
  for (const { fd } of lowers) {
    must(readDirectory(fd, (name) => {
      if (!name.startsWith(WHITEOUT_PREFIX)) names.add(name);
    }));
  }
  for (const name of names) if (!isVisible(lowers, name)) names.delete(name);
  return names;
}

/** The directories that unite to `name`: down to one that is opaque or hidden by a file or a whiteout. */
function enter(lowers: readonly Lower[], name: string): Lower[] {
  const found: Lower[] = [];
  for (const lower of lowers) {
    if (lower.whiteouts && hasWhiteout(lower.fd, name)) break;
    if (statat(lower.fd, name, st) < 0) continue;
    if ((st.mode & S.IFMT) !== S.IFDIR) break;
    const fd = must(openat(lower.fd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), shownName(name));
    found.push({ fd, whiteouts: lower.whiteouts });
    if (lower.whiteouts && isOpaque(fd)) break;
  }
  return found;
}
