import { sizes } from '../sizes.js';
import type { Workload } from '../workload.js';

const files = String(sizes.deep);

/** A name that only the lowest branch has, in a directory that all have. */
export const depth: readonly Workload[] = sizes.depths.flatMap((branches): Workload[] => [
  {
    id: `depth-${branches}`, title: `${files} names through ${branches} lower ${branches === 1 ? 'branch' : 'branches'}, first`,
    depth: branches, onlyUnions: true,
    command: () => ['stat-files', 'deep', files, '1'],
  },
  {
    id: `depth-${branches}-again`, title: `the same through ${branches}, again`,
    depth: branches, onlyUnions: true,
    command: () => ['stat-files', 'deep', files, '2'],
  },
]);
