import { sizes } from '../sizes.js';
import type { Workload } from '../workload.js';

const mebibytes = String(sizes.largeMebibytes);

/** Contents: of a large lower file, and of one on the writable branch. Cold: the first time after the mount. */
export const data: readonly Workload[] = [
  { id: 'read-lower-cold', title: '256 MB read, lower, cold', lower: ['large'], command: () => ['read', 'large', '1'] },
  { id: 'read-lower-warm', title: '256 MB read, lower, warm', lower: ['large'], command: () => ['read', 'large', '2'] },
  { id: 'read-upper', title: '256 MB read, writable branch', upper: ['large'], command: () => ['read', 'large', '1'] },
  { id: 'write', title: '256 MB written', command: () => ['write', 'new', mebibytes] },
  {
    id: 'random-read-lower', title: 'random 4 KB reads, lower', lower: ['large'],
    command: () => ['random-read', 'large', '8000'],
  },
  {
    id: 'random-read-upper', title: 'random 4 KB reads, writable branch', upper: ['large'],
    command: () => ['random-read', 'large', '8000'],
  },
  {
    id: 'random-write', title: 'random 4 KB writes', upper: ['large'],
    command: () => ['random-write', 'large', '8000'],
  },
  { id: 'append', title: '256-byte appends', command: () => ['append', 'new', '256', '8000'] },
];
