import type { Workload } from '../workload.js';

/** Names made, changed and removed on the writable branch. */
export const names: readonly Workload[] = [
  { id: 'create', title: 'create 1000 files', command: () => ['create', '.', '1000'] },
  { id: 'rename', title: 'rename 1000 files', command: () => ['rename-files', '.', '1000'] },
  { id: 'unlink', title: 'unlink 1000 files', command: () => ['unlink-files', '.', '1000'] },
  { id: 'mkdir', title: 'mkdir 1000 directories', command: () => ['make-directories', '.', '1000'] },
  { id: 'rmdir', title: 'rmdir 1000 directories', command: () => ['remove-directories', '.', '1000'] },
];
