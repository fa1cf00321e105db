import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/setup/build.ts'],
    // Processes, not threads: the tests change credentials, umask and the working directory.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
