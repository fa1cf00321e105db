// How long the kernel may trust what it was told, by whether changes of it would be noticed (watch.ts).

import type { Stat } from '../posix/stat.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';

/** Seconds, for what is watched and for what is not. */
const FOR_GOOD = 86_400;
const UNWATCHED = 0.05;

/** How long the kernel may cache names in a directory, in seconds. */
export function nameSeconds(u: UnionState, directory: Node): number {
  // A lower branch may deny another caller what this one was told.
  if (directory.restricted && !u.options.dirperm1) return 0;
  return mayCacheListing(u, directory) ? FOR_GOOD : UNWATCHED;
}

/**
 * How long the kernel may cache attributes, in seconds. What happens to a file is seen in the directory through which
 * it is done: there may be others that hold a name of it.
 */
export function attributeSeconds(u: UnionState, node: Node, attributes: Stat): number {
  if (u.options.udba === 'none') return FOR_GOOD;
  if (u.watch?.tellsAtOnce() !== true) return UNWATCHED;
  const { coverage } = u.watch;
  const watched = node.isDirectory ? coverage.isCovered(node) : attributes.nlink <= 1 && coverage.isCovered(node.parent);
  return watched ? FOR_GOOD : UNWATCHED;
}

/** Whether it may keep a directory's listing. It drops it itself when names come or go through the mount. */
export function mayCacheListing(u: UnionState, node: Node): boolean {
  if (u.options.udba === 'none') return true;
  return u.watch?.tellsAtOnce() === true && u.watch.coverage.isCovered(node);
}
