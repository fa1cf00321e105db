import { must } from './errno.js';
import { AT } from './directory.js';
import { close, O, openat } from './file.js';
import { nameFromText } from './name.js';

/** Calls `use` with open descriptors of directories, given as paths in text, and closes them. Throws Errno with the path. */
export function withDirectories<T>(paths: readonly string[], use: (fds: number[]) => T): T {
  const fds: number[] = [];
  try {
    for (const path of paths) fds.push(must(openat(AT.FDCWD, nameFromText(path), O.RDONLY | O.DIRECTORY, 0), path));
    return use(fds);
  } finally {
    for (const fd of fds) close(fd);
  }
}
