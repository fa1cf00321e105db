// What the fuse-native adapter cannot do (docs/fuse-native-limits.json), as the tests see it. As a setup file of its vitest
// project it skips the tests of a limit, with the limit as the reason.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach } from 'vitest';
import { adapter, noAdapter } from './adapter.js';
import { project } from './process.js';

export interface Limit {
  id: string;
  limit: string;
  /** Recorded cases that come out differently. */
  cases: string[];
  /** Names of tests that it makes fail. */
  tests: string[];
}

export const limits = JSON.parse(readFileSync(path.join(project, 'docs/fuse-native-limits.json'), 'utf8')) as Limit[];

/** Why a recorded case comes out differently with the adapter of these tests. */
export function limitOfCase(name: string): string | undefined {
  if (adapter === 'kernel') return undefined;
  return limits.find((limit) => limit.cases.includes(name))?.limit;
}

if (adapter === 'fuse-native') {
  beforeEach(({ task, skip }) => {
    const missing = noAdapter();
    if (missing !== undefined) skip(missing);
    const limit = limits.find(({ tests }) => tests.includes(task.name));
    if (limit !== undefined) skip(`a limit of fuse-native: ${limit.limit}`);
    if (task.suite?.name.endsWith('as root on a disk')) skip('to save time: the same as on tmpfs with this adapter');
  });
}
