// A path followed through the union by the union's own lookup.

import { E, Errno } from '../posix/errno.js';
import { Stat, fstat } from '../posix/stat.js';
import { lookup } from '../union/lookup.js';
import type { Node } from '../union/node.js';
import type { UnionState } from '../union/state.js';

export interface Walk {
  /** The names of the path, from the root; none for the root itself. */
  readonly names: readonly string[];
  /** The directory that holds each name, as far as the union has them; in the end the entry itself. */
  readonly nodes: readonly Node[];
  /** The entry as the union shows it. */
  readonly stat: Stat;
  /** Why the path leads nowhere: ENOENT, ENOTDIR, EPERM (a name of AUFS's own), ENAMETOOLONG …; 0 where it does. */
  readonly errno: number;
}

/** The names of a path: bytes as latin1 strings, '.' and empty ones left out. */
export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

export function walkTo(u: UnionState, names: readonly string[]): Walk {
  const nodes = [u.root];
  const stat = new Stat();
  fstat(u.directory(u.root, 0), stat);
  let errno = 0;
  for (const name of names) {
    const parent = nodes[nodes.length - 1];
    const found = parent.isDirectory ? childOf(u, parent, name, stat) : E.ENOTDIR;
    if (typeof found === 'number') {
      errno = found;
      break;
    }
    nodes.push(found);
  }
  return { names, nodes, stat, errno };
}

/** The node of a name in a directory, or why there is none: an errno. Attributes in `out`. */
export function childOf(u: UnionState, parent: Node, name: string, out: Stat): Node | number {
  try {
    return lookup(u, parent, name, out) ?? E.ENOENT;
  } catch (error) {
    if (error instanceof Errno) return error.errno;
    throw error;
  }
}

/** The entry, where the path leads to one. */
export function found(walk: Walk): Node | null {
  return walk.errno === 0 ? walk.nodes[walk.names.length] : null;
}

/** The directory that the entry is in, or would be in; null where there is none, and for the root. */
export function holder(walk: Walk): Node | null {
  const { names, nodes } = walk;
  const parent = names.length === 0 ? undefined : nodes[names.length - 1] as Node | undefined;
  return parent?.isDirectory === true ? parent : null;
}

/** Forgets the nodes that were found. */
export function leave(u: UnionState, walk: Walk): void {
  for (const node of [...walk.nodes].reverse()) if (node.id > 1) u.nodes.drop(node);
  u.trimDirectories();
}
