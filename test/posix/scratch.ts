import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe } from 'vitest';
import { dir, type DirectoryResult } from 'tmp-promise';
import { getSecurebits, keepCapabilities, setfsgid, setfsuid, setSecurebits } from '../../src/posix/credentials.js';

/** A temporary directory that is emptied and removed after each test, whatever happens in it. */
export interface Scratch {
  readonly path: string;
  /** Open for reading. */
  readonly fd: number;
}

/** Runs the tests on a disk file system and on tmpfs, each test in an empty directory. */
export function onEachFileSystem(title: string, body: (scratch: Scratch) => void): void {
  describe.each(['/tmp', '/dev/shm'])(`${title} (%s)`, (tmpdir) => {
    const scratch = { path: '', fd: -1 };
    let made: DirectoryResult | undefined;

    beforeEach(async () => {
      made = await dir({ tmpdir, prefix: 'tsaufs-posix', unsafeCleanup: true });
      scratch.path = made.path;
      scratch.fd = openSync(made.path, constants.O_RDONLY | constants.O_DIRECTORY);
    });

    afterEach(async () => {
      closeSync(scratch.fd);
      await made?.cleanup();
    });

    body(scratch);
  });
}

/** The umask, without setting it for a moment as umask(2) must. */
export function currentUmask(): number {
  return parseInt(/^Umask:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '', 8);
}

export const isRoot = process.geteuid?.() === 0;

/** Runs `body` with this thread's file system credentials changed, and puts them back even if it throws. */
export function asUser<Result>(
  uid: number, gid: number, options: { keepCapabilities: boolean }, body: () => Result,
): Result {
  const securebits = getSecurebits();
  if (options.keepCapabilities) keepCapabilities();
  setfsgid(gid);
  setfsuid(uid);
  try {
    return body();
  } finally {
    setfsuid(0);
    setfsgid(0);
    setSecurebits(securebits);
  }
}
