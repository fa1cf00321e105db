import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: ['test/setup/build.ts'],
    // Processes, not threads: the tests change credentials, umask and the working directory.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'kernel', include: ['test/**/*.test.ts'] } },
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
