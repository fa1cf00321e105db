// Who keeps a branch from being taken away, by inode number: which process that is, /proc tells (`tsaufs busy`).

import type { UnionState } from './state.js';

export interface BranchUsers {
  /** Numbers of files and directories that are open on the branch: it cannot go (EBUSY). */
  open: number[];
  /** Of the numbers asked for, those that lie on the branch, open or not. */
  there: number[];
}

/** `path`: a branch's; `inos`: numbers in the union. */
export function branchUsers(u: UnionState, { path, inos }: { path: string; inos: readonly number[] }): BranchUsers {
  const open = new Set<number>();
  for (const { branch, node } of u.files.all()) if (branch.path === path) open.add(node.ino);
  for (const { layers, node } of u.directories.all()) if (layers.some((branch) => branch.path === path)) open.add(node.ino);
  const there = inos.filter((ino) => u.nodes.find(ino)?.layers.some((branch) => branch.path === path));
  return { open: [...open], there };
}
