import type { Workload } from '../workload.js';

/** Names made, changed and removed on the writable branch. */
export const names: readonly Workload[] = [
  { id: 'create', title: 'create 2000 files', command: () => ['create', '.', '2000'] },
  { id: 'rename', title: 'rename 2000 files', command: () => ['rename-files', '.', '2000'] },
  { id: 'unlink', title: 'unlink 2000 files', command: () => ['unlink-files', '.', '2000'] },
  { id: 'mkdir', title: 'mkdir 2000 directories', command: () => ['make-directories', '.', '2000'] },
  { id: 'rmdir', title: 'rmdir 2000 directories', command: () => ['remove-directories', '.', '2000'] },
];
