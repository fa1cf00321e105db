// A place of a test's own, and a mount namespace in which mount(8) finds helpers that are not on this machine.
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { mountAt } from '../../src/daemon/mount-table.js';
import type { ListedMount } from '../../src/daemon/list.js';
import { run, shell, succeed, program, until } from '../helpers/process.js';

export interface Scratch {
  /** Absolute, without symbolic links; any user can search it. */
  root: string;
  /** Ends what a failed test left mounted, and removes all. */
  clear(): Promise<void>;
}

export async function makeScratch(): Promise<Scratch> {
  const home = await tmp.dir({ prefix: 'tsaufs-package-', mode: 0o755 });
  const root = realpathSync(home.path);
  return {
    root,
    async clear() {
      const { stdout } = await run(process.execPath, [program, 'list', '--json']);
      for (const { mountpoint, pid } of JSON.parse(stdout) as ListedMount[]) {
        if (!mountpoint.startsWith(`${root}/`)) continue;
        while (mountAt(mountpoint)) await run('umount', ['-il', mountpoint]);
        if (isAlive(pid)) process.kill(pid, 'SIGTERM');
        await until(() => !isAlive(pid));
      }
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/**
 * Runs a script with bash in a mount namespace of its own where /sbin has only what `tsaufs helpers install` makes, in the
 * directory of the scratch. Returns its output; `umount -a` there reaches no mount of others.
 */
export async function withHelpers({ root }: Scratch, script: string): Promise<string> {
  const prefix = path.join(root, 'prefix');
  mkdirSync(prefix, { recursive: true });
  await succeed(process.execPath, [program, 'helpers', 'install', '--aufs', '--prefix', prefix]);
  const inside = `mount --bind '${prefix}/sbin' "$(realpath /sbin)"\n${script}`;
  return shell(`exec unshare --mount --propagation private bash -euo pipefail -c "$SCRIPT" 2>&1`, { cwd: root, env: { SCRIPT: inside } });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
