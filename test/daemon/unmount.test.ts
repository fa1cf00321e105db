import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { holderElsewhere } from '../../src/daemon/mount-namespaces.js';
import { mountAt } from '../../src/daemon/mount-table.js';
import { unmountPath } from '../../src/daemon/unmount.js';
import { isRunning, mounted } from '../helpers/mounted.js';
import { because, noRootMount, until } from '../helpers/process.js';

const none = noRootMount();

test.skipIf(none !== undefined)(`a mount that another mount namespace has goes on there, and that is said${because(none)}`, async () => {
  await mounted({}, async (union) => {
    const { mnt, daemon } = union;
    const { device } = mountAt(mnt)!;
    expect(holderElsewhere(device)).toBeUndefined();
    const other = spawn('unshare', ['--mount', '--propagation', 'private', 'sleep', '1000'], { stdio: 'ignore' });
    try {
      await once(other, 'spawn');
      await until(() => readlinkSync(`/proc/${other.pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt') && holderElsewhere(device) !== undefined);
      const remark = await unmountPath(mnt, { patience: 200 });
      expect(remark).toBe(`${mnt} is unmounted here; the mount namespace of process ${other.pid} (sleep) has it still, `
        + `and process ${daemon.pid} serves it until that one unmounts it or ends`);
      expect(mountAt(mnt)).toBeUndefined();
      expect(isRunning(daemon.pid)).toBe(true);
    } finally {
      other.kill('SIGKILL');
    }
    await union.ended();
  });
});
