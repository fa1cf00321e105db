import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { dir, type DirectoryResult } from 'tmp-promise';

/** A directory that is new for each test, and removed after it. */
export function scratchDirectory(tmpdir = '/var/tmp'): { path: string; at(name: string): string; names(): string[] } {
  let made: DirectoryResult;
  beforeEach(async () => {
    made = await dir({ tmpdir, prefix: 'tsaufs-layers', unsafeCleanup: true, mode: 0o755 });
  });
  afterEach(() => made.cleanup());
  return {
    get path() {
      return made.path;
    },
    at: (name) => path.join(made.path, name),
    names: () => readdirSync(made.path, { encoding: 'latin1' }).sort(),
  };
}

export const isRoot = process.geteuid!() === 0;
