import type { Workload } from '../workload.js';

/** The first change of what lies on a lower branch. */
export const changes: readonly Workload[] = [
  {
    id: 'copy-up', onlyUnions: true, title: 'copy-up of 500 small files', lower: ['small'],
    command: () => ['append-each', 'small', '500'],
  },
  {
    id: 'chmod', onlyUnions: true, title: 'chmod of 500 lower files', lower: ['small'],
    command: () => ['chmod-each', 'small', '500'],
  },
  {
    id: 'whiteout', title: 'unlink of 1000 lower files (whiteouts)', lower: ['small'],
    command: () => ['whiteouts', 'small', '1000'],
  },
  {
    id: 'rm-lower', title: 'rm -rf of a lower tree', lower: ['removed'],
    command: () => ['run', 'rm', '-rf', 'removed'],
  },
  {
    id: 'copy-up-large', onlyUnions: true, title: 'copy-up of 256 MB', lower: ['large'],
    command: () => ['touch-large', 'large'],
  },
];
