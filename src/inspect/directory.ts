// One directory with all its names, also those that are hidden: what the tree tells of it, for directories with many names.

import { Stat } from '../posix/stat.js';
import type { Node } from '../union/node.js';
import type { UnionState } from '../union/state.js';
import type { Entry } from './entry.js';
import { type Entered, type OnBranch, enter, layersOf } from './layers.js';
import { allNames } from './tree.js';
import { type Walk, childOf, found, leave, namesOf, walkTo } from './walk.js';

export interface DirectoryLook {
  /** From the root of the union, beginning with '/': bytes as a latin1 string. */
  path: string;
  layers: OnBranch[];
  /** In the order of their bytes. */
  entries: NameLook[];
}

export interface NameLook {
  /** Bytes as a latin1 string. */
  name: string;
  /** What the union shows; null for nothing. */
  entry: Entry | null;
  /** The branch that it is seen on, 0 on top. */
  branch: number | null;
  layers: OnBranch[];
}

/** Null where the union shows no directory there. Throws Errno where it cannot be read. */
export function lookAtDirectory(u: UnionState, path: string): DirectoryLook | null {
  const walk = walkTo(u, namesOf(path));
  try {
    const node = found(walk);
    if (node?.isDirectory !== true) return null;
    const entered = enter(u, walk, walk.names.length);
    // It stays known while its names come and go.
    node.handles++;
    try {
      const entries = allNames(u, node, entered).flatMap((name) => lookAtName(u, walk, node, entered, name));
      return { path: `/${walk.names.join('/')}`, layers: layersOf(u, walk), entries };
    } finally {
      node.handles--;
      entered.close();
    }
  } finally {
    leave(u, walk);
  }
}

/** Nothing for a name that has gone meanwhile. */
function lookAtName(u: UnionState, { names, nodes }: Walk, parent: Node, entered: Entered, name: string): NameLook[] {
  const stat = new Stat();
  const node = childOf(u, parent, name, stat);
  try {
    const walk: Walk = {
      names: [...names, name], nodes: typeof node === 'number' ? nodes : [...nodes, node], stat, errno: typeof node === 'number' ? node : 0,
    };
    const layers = layersOf(u, walk, entered);
    if (typeof node === 'number') {
      const isTold = layers.some(({ entry, whiteout }) => entry !== null || whiteout !== null);
      return isTold ? [{ name, entry: null, branch: null, layers }] : [];
    }
    // A hard link whose file was copied up under another name has no entry on the branch where it is seen.
    const entry = layers[node.top.index].entry ?? layers.find((layer) => layer.entry !== null)?.entry ?? null;
    return [{ name, entry, branch: node.top.index, layers }];
  } finally {
    if (typeof node !== 'number') u.nodes.drop(node);
  }
}
