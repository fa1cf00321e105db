// The names that a watched directory has on its branches. Kept up to date by the events of its watches, they tell a
// lookup which branches need not be asked: most have neither the name nor a whiteout of it.
//
// Figures (tmpfs, one rw and one ro branch): the lookup of a missing name makes one system call instead of three, a
// creation none instead of six, beside the ones that make the file.

import { O, close, ioctl, openat } from '../posix/file.js';
import { readDirectory } from '../posix/directory.js';
import { IN } from '../posix/inotify.js';
import { allocate } from '../posix/memory.js';
import { StatFs, fstatfs } from '../posix/statfs.js';
import type { Branch } from './branch.js';
import type { Cover } from './coverage.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';

/** Per layer of the directory, the names it has there, whiteouts among them. */
export type LayerNames = readonly ReadonlySet<string>[];

/** So often a directory is asked for names before it is worth a listing. */
const ASKED_BEFORE = 4;
/** Directories with more names on a layer are not read for this: the listing costs more than it saves. */
const MOST_IN_LAYER = 2048;
/** All names together, some 100 bytes each; beyond it everything is forgotten and learnt anew. */
const MOST = 131_072;

/**
 * File systems on which two names are the same only if their bytes are; statfs(2). On the others a name may be found
 * under another spelling.
 */
const EXACT = new Set([0xef53 /* ext4 */, 0x01021994 /* tmpfs */, 0x9123683e /* btrfs */, 0x73717368 /* squashfs */]);
/** ioctl_iflags(2) and its FS_CASEFOLD_FL: ext4 and tmpfs have it per directory. */
const GETFLAGS = 0x80086601;
const CASEFOLD = 0x40000000;

const flags = allocate(8);

export class KnownNames {
  private readonly known = new Set<Cover>();
  private count = 0;
  private readonly exact = new Map<Branch, boolean>();

  constructor(private readonly u: UnionState) {}

  /** Whether the names of a covered directory are known, or are as of now, being asked for often enough. */
  wanted(node: Node, cover: Cover): boolean {
    if (cover.names !== null) return true;
    if (cover.asked > ASKED_BEFORE) return false;
    if (++cover.asked < ASKED_BEFORE) return false;
    // Whatever comes of it: it is tried once.
    cover.asked = ASKED_BEFORE + 1;
    return this.learn(node, cover);
  }

  /** An event of the watch on layer `layer`. Those that the listing had already are taken in once more, to no harm. */
  happened(cover: Cover, layer: number, name: string, mask: number): void {
    const names = cover.names?.[layer];
    if (names === undefined) return;
    if (mask & (IN.CREATE | IN.MOVED_TO)) names.add(name);
    else if (mask & (IN.DELETE | IN.MOVED_FROM)) names.delete(name);
  }

  /** The cover is not in force any more. */
  drop(cover: Cover): void {
    if (!this.known.delete(cover)) return;
    for (const names of cover.names ?? []) this.count -= names.size;
    cover.names = null;
  }

  private learn(node: Node, cover: Cover): boolean {
    if (this.count > MOST) for (const each of this.known) this.drop(each);
    const layers: Set<string>[] = [];
    for (let i = 0; i < node.layers.length; i++) {
      const names = this.isExact(node.layers[i]) ? namesOf(this.u.directory(node, i)) : null;
      if (names === null) return false;
      layers.push(names);
    }
    cover.names = layers;
    this.known.add(cover);
    // Roughly: what comes and goes later is not counted.
    for (const names of layers) this.count += names.size;
    return true;
  }

  private isExact(branch: Branch): boolean {
    let answer = this.exact.get(branch);
    if (answer === undefined) {
      const st = new StatFs();
      answer = fstatfs(branch.root, st) >= 0 && EXACT.has(st.type);
      this.exact.set(branch, answer);
    }
    return answer;
  }
}

/** All names of a directory on its branch; null where they are too many, cannot be had, or ignore case. */
function namesOf(directory: number): Set<string> | null {
  // Nobody asked to read it: its access time is not to change. Only the owner and root can have it so.
  const fd = openat(directory, '.', O.RDONLY | O.DIRECTORY | O.NOATIME, 0);
  if (fd < 0) return null;
  const names = new Set<string>();
  flags.u32[0] = 0;
  ioctl(fd, GETFLAGS, flags.address);
  const folded = (flags.u32[0] & CASEFOLD) !== 0;
  const result = folded ? -1 : readDirectory(fd, (name) => names.add(name).size <= MOST_IN_LAYER);
  close(fd);
  return result < 0 || names.size > MOST_IN_LAYER ? null : names;
}
