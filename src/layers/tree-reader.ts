// A branch as a layer sees it: its files in the order of their bytes, AUFS's own records left out.

import { readDirectory, readlinkat } from '../posix/directory.js';
import { must } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { getXattr, listXattr } from '../posix/xattr.js';
import { OPAQUE_MARK, PLINK_DIRECTORY } from '../union/whiteout.js';
import { WHITEOUT_PREFIX } from '../union/name.js';
import { RECORD_PREFIX } from './entry-name.js';
import type { EntryType, LayerEntry } from './entry.js';
import { shownName } from './error.js';
import { isLayerXattr } from './layer-xattr.js';

/** An entry, and where to read its content: `name` in `dirfd`, while the iteration stands there. */
export interface FoundEntry {
  entry: LayerEntry;
  dirfd: number;
  name: string;
}

const st = new Stat();

/** Goes through a branch. Does not close `root`. Throws Errno. */
export function* readTree(root: number, warn: (message: string) => void): Generator<FoundEntry> {
  const links = new Map<string, string>();
  must(fstat(root, st), 'the root');
  yield { entry: { ...attributes('directory', './'), xattrs: xattrsOf(root, '.') }, dirfd: root, name: '.' };
  yield* readBelow(root, '', links, warn);
}

function* readBelow(dirfd: number, path: string, links: Map<string, string>, warn: (message: string) => void): Generator<FoundEntry> {
  for (const name of namesIn(dirfd, path === '', warn)) {
    const whole = path + name;
    must(statat(dirfd, name, st), shownName(whole));
    const type = typeOf(st.mode);
    if (type === null) {
      warn(`${shownName(whole)} left out: a socket, which layers do not have`);
      continue;
    }
    if (name.startsWith(WHITEOUT_PREFIX)) {
      // AUFS's whiteouts are links of one file: as entries each is a file of its own.
      yield { entry: { ...attributes('file', whole), size: 0 }, dirfd, name };
      continue;
    }
    if (type !== 'directory' && st.nlink > 1) {
      const inode = `${st.devMajor}:${st.devMinor}:${st.ino}`;
      const first = links.get(inode);
      if (first !== undefined) {
        yield { entry: { ...attributes('hardlink', whole), linkname: first, size: 0 }, dirfd, name };
        continue;
      }
      links.set(inode, whole);
    }
    const entry = attributes(type, type === 'directory' ? `${whole}/` : whole);
    if (type === 'symlink') entry.linkname = linkTarget(dirfd, name, whole);
    entry.xattrs = xattrsOf(dirfd, name);
    yield { entry, dirfd, name };
    if (type !== 'directory') continue;
    const below = must(openat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), shownName(whole));
    try {
      yield* readBelow(below, `${whole}/`, links, warn);
    } finally {
      close(below);
    }
  }
}

function namesIn(dirfd: number, isRoot: boolean, warn: (message: string) => void): string[] {
  const fd = must(openat(dirfd, '.', O.RDONLY | O.DIRECTORY, 0));
  const names: string[] = [];
  try {
    must(readDirectory(fd, (name) => {
      if (!name.startsWith(RECORD_PREFIX) || name === OPAQUE_MARK) names.push(name);
      else if (isRoot && name === PLINK_DIRECTORY) warnOfPseudoLinks(fd, warn);
    }));
  } finally {
    close(fd);
  }
  // Characters are bytes, so this is the order of bytes.
  return names.sort((a, b) => a < b ? -1 : 1);
}

function warnOfPseudoLinks(dirfd: number, warn: (message: string) => void): void {
  const fd = openat(dirfd, PLINK_DIRECTORY, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd < 0) return;
  let count = 0;
  readDirectory(fd, () => void count++);
  close(fd);
  if (count > 0) {
    warn(`the branch has ${count} pseudo-links: other names of these files still show what lies below; ` +
      'unmount the union, or run tsaufs remount -o clean_plink MOUNTPOINT, and pack it then');
  }
}

function typeOf(mode: number): EntryType | null {
  switch (mode & S.IFMT) {
    case S.IFREG: return 'file';
    case S.IFDIR: return 'directory';
    case S.IFLNK: return 'symlink';
    case S.IFCHR: return 'character-device';
    case S.IFBLK: return 'block-device';
    case S.IFIFO: return 'fifo';
    default: return null;
  }
}

/** From `st`. */
function attributes(type: EntryType, name: string): LayerEntry {
  const isDevice = type === 'character-device' || type === 'block-device';
  return {
    type,
    name,
    linkname: '',
    mode: st.mode & 0o7777,
    uid: st.uid,
    gid: st.gid,
    size: type === 'file' ? st.size : 0,
    mtime: st.mtime,
    mtimeNsec: st.mtimeNsec,
    devMajor: isDevice ? st.rdevMajor : 0,
    devMinor: isDevice ? st.rdevMinor : 0,
    xattrs: [],
  };
}

function linkTarget(dirfd: number, name: string, whole: string): string {
  const target = readlinkat(dirfd, name);
  if (typeof target === 'number') must(target, shownName(whole));
  return String(target);
}

function xattrsOf(dirfd: number, name: string): [string, string][] {
  const names = listXattr(dirfd, name);
  if (typeof names === 'number') return [];
  const xattrs: [string, string][] = [];
  for (const attribute of names.sort()) {
    if (!isLayerXattr(attribute)) continue;
    const value = getXattr(dirfd, name, attribute);
    if (typeof value !== 'number') xattrs.push([attribute, value.toString('latin1')]);
  }
  return xattrs;
}
