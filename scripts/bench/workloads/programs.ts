import type { Workload } from '../workload.js';

/** What people run. */
export const programs: readonly Workload[] = [
  {
    id: 'git-status', title: 'git status, 2000 files', lower: ['repository'],
    needs: { program: 'git', debian: 'git' },
    // Inode and device numbers differ from those of the index, and git would read every file again.
    command: () => ['run', 'git', '-C', 'repository', '-c', 'core.checkStat=minimal', '-c', 'safe.directory=*',
      '--no-optional-locks', 'status', '--porcelain'],
  },
  {
    id: 'untar', title: 'untar, 1000 files',
    needs: { program: 'tar', debian: 'tar' },
    command: (store) => ['run', 'tar', '-xf', `${store}/source.tar`],
  },
  { id: 'cp', title: 'cp -r, 1000 files', lower: ['source'], command: () => ['run', 'cp', '-r', 'source', 'copy'] },
  {
    id: 'grep', title: 'grep -r, 1000 files', lower: ['source'],
    needs: { program: 'grep', debian: 'grep' },
    // The last line of every file has it.
    command: () => ['run', 'grep', '-r', '-l', 'the last line', 'source'],
  },
  {
    id: 'sqlite', title: 'sqlite, 200 commits',
    needs: { program: 'sqlite3', debian: 'sqlite3' },
    command: (store) => ['run', 'sqlite3', 'new.db', `.read ${store}/commits.sql`],
  },
  {
    id: 'parallel', title: '8 clients in parallel', lower: ['small'],
    command: () => ['parallel', '8', '.', 'small', '100'],
  },
];
