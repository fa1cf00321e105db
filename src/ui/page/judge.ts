import type { DirectoryEntry, LayerEntry } from '../protocol.js';

/**
 * Which of an entry's layers is seen, from the top down, by the rule that the tour teaches: a whiteout ends the search, what is
 * no directory ends it too, and an opaque directory hides those below it. Only for the moments between an event and the
 * server's own answer, which decides.
 * @param merged the branches that are merged in the directory that the entry is in
 */
export function judged(entry: DirectoryEntry, merged: readonly number[]): DirectoryEntry {
  const states = new Map<number, LayerEntry['state']>();
  let seen: LayerEntry | undefined;
  for (const branch of [...merged].sort((a, b) => a - b)) {
    if (entry.whiteouts.includes(branch)) break;
    const layer = entry.layers.find((each) => each.branch === branch);
    if (layer === undefined) continue;
    if (seen === undefined) {
      seen = layer;
      states.set(branch, 'seen');
      if (layer.type !== 'directory') break;
    } else if (layer.type === 'directory') states.set(branch, 'merged');
    if (entry.opaque.includes(branch)) break;
  }
  const { size: _, target, ...rest } = entry;
  const layers = entry.layers.map((layer) => ({ ...layer, state: states.get(layer.branch) ?? 'hidden' as const }));
  return {
    ...rest, layers, type: seen?.type ?? null, seen: seen?.branch ?? null,
    ...(seen?.type === 'file' ? { size: seen.size } : {}),
    ...(seen?.type === 'symlink' && target !== undefined ? { target } : {}),
  };
}
