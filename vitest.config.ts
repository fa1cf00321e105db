import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Those that keep mount namespaces of their own for long: containers, and documents whose commands are run. */
const namespaces = ['test/containers/*.test.ts', 'test/docs/*.test.ts', 'test/package/*.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/setup/build.ts'],
    // Processes, not threads: the tests change credentials, umask and the working directory.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // vitest would leave one of two processors to itself; tests wait for daemons, and for time to pass, most of the time.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      { extends: true, test: { name: 'kernel', include: ['test/**/*.test.ts'], exclude: namespaces } },
      // By themselves, at the end: while another namespace has copies of their mounts the others' daemons go on.
      { extends: true, test: { name: 'namespaces', include: namespaces, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: {
          name: 'fuse-native',
          env: { TSAUFS_TEST_ADAPTER: 'fuse-native' },
          setupFiles: ['test/helpers/native-limits.ts'],
          /**
           * What an adapter can do wrong: how operations, attributes, names, open files and options get to the union. Left
           * out is what the union does the same under any adapter (faults, hostile branches, file systems, dirren, load), and
           * what only the kernel adapter has (passthrough, notifications of udba, callers' permissions, its requests).
           */
          include: [
            'test/oracle/*.test.ts', 'test/mount/attributes.test.ts', 'test/mount/names.test.ts', 'test/mount/open-files.test.ts',
            'test/mount/options.test.ts', 'test/mount/remount.test.ts', 'test/mount/demo.test.ts',
          ],
        },
      },
    ],
  },
});
