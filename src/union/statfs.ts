// statfs: of the first branch, or with `sum` of all (aufs(5)).

import { must } from '../posix/errno.js';
import { StatFs, fstatfs } from '../posix/statfs.js';
import type { FileSystem } from './file-system.js';
import { NAME_LONGEST } from './name.js';
import type { UnionState } from './state.js';

const each = new StatFs();

export function statfs(u: UnionState, out: StatFs): void {
  const [first] = u.branches;
  must(fstatfs(first.root, out));
  if (u.options.sum !== 'none') addUp(u, out);
  // The room that whiteout names need.
  out.namelen = Math.min(NAME_LONGEST, out.namelen);
}

/** Each file system counts once, however many branches lie on it; in blocks of the smallest size. */
function addUp(u: UnionState, out: StatFs): void {
  const seen = new Set<FileSystem>();
  let smallest = out.bsize;
  let blocks = 0;
  let bfree = 0;
  let bavail = 0;
  out.files = out.ffree = 0;
  for (const branch of u.branches) {
    if (seen.has(branch.home)) continue;
    seen.add(branch.home);
    must(fstatfs(branch.root, each));
    smallest = Math.min(smallest, each.bsize);
    blocks += each.blocks * each.bsize;
    bfree += each.bfree * each.bsize;
    bavail += each.bavail * each.bsize;
    out.files += each.files;
    out.ffree += each.ffree;
  }
  out.bsize = out.frsize = smallest;
  out.blocks = Math.floor(blocks / smallest);
  out.bfree = Math.floor(bfree / smallest);
  out.bavail = Math.floor(bavail / smallest);
}
