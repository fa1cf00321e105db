// What is told of a lookup: which branches were asked, and what came of it. Derived from the answer afterwards, so that the
// search itself counts nothing.

import { S } from '../posix/stat.js';
import type { Probe } from './lookup.js';
import { type Node, childPath } from './node.js';
import type { UnionState } from './state.js';

/** Tells of the search for `name`, which took `duration` milliseconds. Where `wantLookups`. */
export function tellLookup(u: UnionState, parent: Node, name: string, found: Probe, duration: number): void {
  const isThere = found.type !== 0;
  const branch = isThere ? found.layers[0] : found.whiteout;
  const lowest = lowestAsked(found);
  u.hooks.event({
    kind: 'lookup',
    path: childPath(parent, name),
    branch: branch?.path ?? '',
    result: isThere ? 'found' : found.whiteout === null ? 'missing' : 'hidden',
    asked: parent.layers.filter(({ index }) => index <= lowest).map((one) => one.path),
    ...(found.type === S.IFDIR && found.layers.length > 1 ? { merged: found.layers.map((one) => one.path) } : {}),
    duration,
    pid: u.caller.pid,
  });
}

/** The branch index at which the search ended: see `search`. */
function lowestAsked(found: Probe): number {
  if (found.whiteout !== null) return found.whiteout.index;
  if (found.type === 0) return Number.MAX_SAFE_INTEGER;
  return found.type === S.IFDIR ? found.limit : found.layers[0].index;
}
