// What happens in a union, for whoever listens: the library's events, `tsaufs trace`, the web page.

export const eventKinds = [
  'lookup', 'copy-up', 'move-down', 'whiteout', 'unwhiteout', 'opaque', 'create', 'mkdir', 'rename', 'unlink', 'rmdir', 'link', 'lost',
] as const;

/** Something that happened in a union, told when it is done. */
export interface UnionEvent {
  /**
   * lookup: a name was searched on the branches, which the kernel asks for only when it does not know; lost: events
   * were dropped, because they came faster than they could be told.
   */
  kind: (typeof eventKinds)[number];
  /** The path in the union, from its root; '' of lost. */
  path: string;
  /** copy-up and move-down: the branch it came from; rename and link: the other name. */
  from?: string;
  /** The branch it happened on. lookup: where it is seen, or whose whiteout hides it; '' where it is nowhere. */
  branch: string;
  /** copy-up and move-down: bytes of data copied. */
  bytes?: number;
  /** copy-up and lookup: milliseconds that it took. */
  duration?: number;
  /** lookup: what came of it. */
  result?: 'found' | 'hidden' | 'missing';
  /** lookup: the branches that were asked, from the top down. */
  asked?: readonly string[];
  /** lookup of a directory that is merged: the branches it lies on, from the top down. */
  merged?: readonly string[];
  /** lost: how many. */
  count?: number;
  /** The process that caused it, as the kernel told; 0 of another pid namespace. */
  pid: number;
  /** Its command name; told by mounts, where the process can be seen. */
  command?: string;
  /** Milliseconds since 1970, with parts; told by mounts. */
  time?: number;
}
