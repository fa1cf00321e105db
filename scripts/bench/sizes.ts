/** How many files the branches have; large enough for some 0.1 s a workload on a slow union. */
export const sizes = {
  /** Directories in two levels, with ten files each. */
  tree: { directories: 800, top: 20, filesEach: 10 },
  flat: 8000,
  small: { files: 3000, bytes: 4000 },
  largeMebibytes: 256,
  source: { directories: 100, filesEach: 10, bytes: 6000 },
  removed: { directories: 100, filesEach: 10 },
  repository: { directories: 200, filesEach: 10 },
  /** In the lowest of the branches of `depth`. */
  deep: 500,
  depths: [1, 16, 64, 127],
  /** That the client goes through on every mount before it measures. */
  warmUp: 500,
  commits: 200,
} as const;
