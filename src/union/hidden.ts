// What lies beside its own whiteout is not seen, and is removed when the name is used again or the directory goes: a
// crash left it, or somebody put one of the two there directly. Who does that to what is another's must not get it
// removed by us, who may, if he could not have done it himself.

import { E, Errno, must } from '../posix/errno.js';
import { DT, readDirectory } from '../posix/directory.js';
import { O, close, openat } from '../posix/file.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { WHITEOUT_PREFIX } from './name.js';
import { isWhiteoutAt } from './overlay-marks.js';
import type { UnionState } from './state.js';

/** Throws EPERM or ENOTEMPTY where the caller may not remove what lies hidden under `name` in the directory. */
export function mayRemoveHidden(u: UnionState, dirfd: number, name: string): void {
  const { uid } = u.caller;
  if (uid === 0) return;
  const directory = new Stat();
  must(fstat(dirfd, directory));
  check(directory, dirfd, name, uid);
}

/** The same for all that a directory holds beside marks, before it is removed. */
export function mayRemoveContents(u: UnionState, dirfd: number, name: string): void {
  if (u.caller.uid !== 0) checkContents(dirfd, name, u.caller.uid);
}

function check(directory: Stat, dirfd: number, name: string, uid: number): void {
  const st = new Stat();
  if (statat(dirfd, name, st) < 0) return;
  if ((directory.mode & S.ISVTX) !== 0 && directory.uid !== uid && st.uid !== uid) throw new Errno(E.EPERM);
  if ((st.mode & S.IFMT) === S.IFDIR) checkContents(dirfd, name, uid);
}

function checkContents(dirfd: number, name: string, uid: number): void {
  const fd = openat(dirfd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd < 0) return;
  try {
    const own = new Stat();
    must(fstat(fd, own));
    const names: string[] = [];
    must(readDirectory(fd, (child, type) => {
      const isMark = child.startsWith(WHITEOUT_PREFIX) || (type === DT.CHR && isWhiteoutAt(fd, child));
      if (!isMark) names.push(child);
    }));
    if (names.length > 0 && own.uid !== uid) throw new Errno(E.ENOTEMPTY);
    for (const child of names) check(own, fd, child, uid);
  } finally {
    close(fd);
  }
}
