import { sizes } from '../sizes.js';
import type { Workload } from '../workload.js';

const { directories, filesEach } = sizes.tree;
const entries = String(directories * (filesEach + 1));
const flat = String(sizes.flat);
const small = String(sizes.small.files);

/** Looking at what lies on a lower branch. Cold: the first time after the mount; warm: the second time. */
export const trees: readonly Workload[] = [
  {
    id: 'walk-cold', title: 'tree walk with stat, cold', lower: ['tree'],
    command: () => ['walk', 'tree', entries, '1'],
  },
  {
    id: 'walk-warm', title: 'tree walk with stat, warm', lower: ['tree'],
    command: () => ['walk', 'tree', entries, '2'],
  },
  {
    id: 'list-cold', title: `listing a directory of ${flat}, cold`, lower: ['flat'],
    command: () => ['list', 'flat', flat, '1'],
  },
  {
    id: 'list-warm', title: `listing a directory of ${flat}, warm`, lower: ['flat'],
    command: () => ['list', 'flat', flat, '2'],
  },
  {
    id: 'read-small-cold', title: `reading ${small} small files, cold`, lower: ['small'],
    command: () => ['read-files', 'small', small, '1'],
  },
  {
    id: 'read-small-warm', title: `reading ${small} small files, warm`, lower: ['small'],
    command: () => ['read-files', 'small', small, '2'],
  },
  {
    id: 'missing', title: 'looking up 5000 missing names', lower: ['small'],
    command: () => ['missing', 'small', '5000'],
  },
];
