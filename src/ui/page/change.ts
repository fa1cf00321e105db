// What an event changes, in terms of the page: keys and numbers of branches.

import type { Branch, TraceEvent } from '../protocol.js';
import { type Key, keyOf, parentOf } from './paths.js';

export interface Change {
  kind: Exclude<TraceEvent['kind'], 'lookup' | 'lost'> | 'unopaque';
  key: Key;
  branch: number;
  /** copy-up and move-down: the branch that it came from. */
  source?: number;
  /** rename and link: the other name. */
  other?: Key;
}

/** Null for what changes nothing, and of a branch that is not in the union any more. */
export function changeOf(event: TraceEvent, branches: readonly Branch[]): Change | null {
  const { kind } = event;
  if (kind === 'lookup' || kind === 'lost') return null;
  const numberOf = (directory: string | undefined): number => branches.findIndex((each) => each.directory === directory);
  const branch = numberOf(event.branch);
  if (branch < 0) return null;
  const change: Change = { kind, key: keyOf(event.path), branch };
  if (kind === 'copy-up' || kind === 'move-down') {
    const source = numberOf(event.from);
    return source < 0 ? change : { ...change, source };
  }
  return event.from === undefined ? change : { ...change, other: keyOf(event.from) };
}

/** What takes it back, as far as that can be told from the change; null where it cannot: what was removed is gone. */
export function reversed(change: Change): Change | null {
  switch (change.kind) {
    case 'copy-up':
    case 'create':
    case 'link': return { ...change, kind: 'unlink' };
    case 'move-down': return change.source === undefined ? null : { ...change, branch: change.source, source: change.branch };
    case 'mkdir': return { ...change, kind: 'rmdir' };
    case 'whiteout': return { ...change, kind: 'unwhiteout' };
    case 'unwhiteout': return { ...change, kind: 'whiteout' };
    case 'opaque': return { ...change, kind: 'unopaque' };
    case 'rename': return change.other === undefined ? null : { ...change, key: change.other, other: change.key };
    case 'unlink':
    case 'rmdir':
    case 'unopaque': return null;
  }
}

/** The directories whose entries it changes. */
export function directoriesOf({ key, other }: Change): Key[] {
  const all = [parentOf(key), ...other === undefined ? [] : [parentOf(other)]];
  return [...new Set(all)];
}
