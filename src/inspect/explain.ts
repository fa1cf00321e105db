// Why the union shows of a path what it shows, and what a change of it would do.

import { errnoName } from '../posix/errno.js';
import { S } from '../posix/stat.js';
import { decodeName } from '../union/name.js';
import type { UnionState } from '../union/state.js';
import { type Action, actionsOn } from './actions.js';
import { type EntryType, entryType } from './entry.js';
import { type OnBranch, layersOf } from './layers.js';
import { found, leave, namesOf, walkTo } from './walk.js';

export interface Explanation {
  /** From the root of the union, beginning with '/': bytes as a latin1 string. */
  path: string;
  /** What the union shows; null for nothing. */
  type: EntryType | null;
  /** The branch that is seen, 0 on top; null where nothing is. */
  branch: number | null;
  /** What opening the path fails with: `ENOENT`, `ENOTDIR`, or `EPERM` for a name of AUFS's own; null where it is seen. */
  error: string | null;
  /** How far the union has the path: the first part that it does not have, or that is no directory. */
  failsAt: string | null;
  /** Of a hard-linked file: this name is on a lower branch, but its file was copied up under another name. */
  pseudoLink: boolean;
  layers: OnBranch[];
  actions: Action[];
}

/** Explains a path of the union. Throws Errno where a branch cannot be read. */
export function explain(u: UnionState, path: string): Explanation {
  const walk = walkTo(u, namesOf(path));
  try {
    const node = found(walk);
    const layers = layersOf(u, walk);
    const { names, nodes, errno } = walk;
    const last = nodes[nodes.length - 1];
    // Where a file stands in the way it is the file that is to be told of.
    const failing = last.isDirectory ? nodes.length : nodes.length - 1;
    return {
      path: `/${names.join('/')}`,
      type: node === null ? null : entryType(walk.stat.mode),
      branch: node?.top.index ?? null,
      error: errno === 0 ? null : errnoName(errno),
      failsAt: errno === 0 ? null : `/${names.slice(0, failing).join('/')}`,
      pseudoLink: node !== null && node.type !== S.IFDIR && layers[node.top.index].entry === null,
      layers,
      actions: actionsOn(u, walk),
    };
  } finally {
    leave(u, walk);
  }
}

/** For JSON: paths become text, bytes that are no UTF-8 U+FFFD. */
export function explanationAsText(told: Explanation): Explanation {
  const paths = new Set(['path', 'failsAt']);
  return JSON.parse(JSON.stringify(told, (key, value: unknown) => paths.has(key) && typeof value === 'string' ? decodeName(value) : value)) as Explanation;
}
