import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { because, noRootMount, program, run, shell } from '../helpers/process.js';

let home: tmp.DirectoryResult;
let root: string;

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  for (const name of ['lower', 'upper', 'branch', 'top', 'union']) mkdirSync(path.join(root, name));
});

afterEach(() => home.cleanup());

/** An overlayfs over two file systems: its files have other devices than its directories. In a namespace, where it ends with the script. */
const overlay = `
  mount -t tmpfs none upper
  mkdir upper/up upper/work
  mount -t overlay -o xino=off,lowerdir=lower,upperdir=upper/up,workdir=upper/work none branch`;

async function why(): Promise<string | undefined> {
  const obstacle = noRootMount();
  if (obstacle !== undefined) return obstacle;
  const place = await tmp.dir({ unsafeCleanup: true });
  const tried = await run('unshare', ['-m', 'bash', '-ec', `cd ${place.path}; mkdir lower upper branch; ${overlay}`]);
  await place.cleanup();
  return tried.status === 0 ? undefined : 'no overlayfs';
}

const obstacle = await why();

test.skipIf(obstacle !== undefined)(`names on overlayfs that nobody looked up become links at the unmount${because(obstacle)}`, async () => {
  const output = await shell(`exec unshare --mount --propagation private bash -euo pipefail -c "$SCRIPT"`, {
    cwd: root,
    env: {
      SCRIPT: `${overlay}
        mkdir branch/own; echo low >branch/own/file; ln branch/own/file branch/own/link; echo other >branch/own/other
        trap 'umount -il union 2>/dev/null || true' EXIT
        ${process.execPath} ${program} mount -o br=top:branch/own union
        echo more >>union/file
        ${process.execPath} ${program} umount union
        ls top; stat -c %h top/file; cat top/link`,
    },
  });
  expect(output).toBe('file\nlink\n2\nlow\nmore\n');
});
