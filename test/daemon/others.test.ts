import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { memory, temporary } from '../helpers/mounted.js';
import { because, missing, nobody, noUserMount, program, run, shell, type User } from '../helpers/process.js';

const obstacle = noUserMount();
/** Nobody's number, so that nobody's /tmp/tsaufs-… is used. */
const victim: User = { uid: 456_789, gid: 456_789 };
const place = `/tmp/tsaufs-${victim.uid}`;

/** What a user's commands find where somebody else was first. */
describe.skipIf(obstacle !== undefined)(`/tmp/tsaufs-UID made by another user${because(obstacle)}`, () => {
  const state = { id: 'si_0123456789abcdef', pid: 1, startTime: 1, mountpoint: '/somewhere', source: 'x', options: '', adapter: 'kernel', log: null, background: true, started: '' };

  test.each([
    ['a directory of another', () => mkdirSync(place, { mode: 0o777 })],
    ['a symbolic link', (root: string) => symlinkSync(root, place)],
    ['a file', () => writeFileSync(place, '')],
  ])('%s is not trusted, nor changed', (_what, make) => temporary(memory, undefined, async (root) => {
    const real = path.join(root, 'its');
    mkdirSync(real);
    chmodSync(real, 0o777);
    try {
      make(real);
      const spoofed = lstatSync(place).isFile() ? undefined : path.join(place, state.id);
      if (spoofed !== undefined) {
        mkdirSync(spoofed);
        writeFileSync(path.join(spoofed, 'mount'), JSON.stringify(state));
        chmodSync(spoofed, 0o777);
      }
      for (const name of ['b', 'm']) mkdirSync(path.join(root, name));
      const listed = await run(process.execPath, [program, 'list', '--json'], { as: victim });
      expect(listed.stdout).not.toContain('/somewhere');
      const mounting = await run(process.execPath, [program, 'mount', '-o', `br=${root}/b=ro`, `${root}/m`], { as: victim });
      expect([mounting.status, mounting.stderr]).toEqual([1, expect.stringContaining(place)]);
      const unmounting = await run(process.execPath, [program, 'umount', '/somewhere'], { as: victim });
      expect([unmounting.status, unmounting.stderr]).toEqual([1, expect.stringContaining('is not mounted')]);
      if (spoofed !== undefined) expect(existsSync(path.join(spoofed, 'mount'))).toBe(true);
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }));
});

const noNamespaces = obstacle ?? missing('unshare');

describe.skipIf(noNamespaces !== undefined)(`in a user namespace${because(noNamespaces)}`, () => {
  test('who is root there only mounts, works and unmounts with what he may', () => temporary(memory, nobody, async (root) => {
    await shell(`cd ${root}; mkdir up low m; echo lower > low/f; mkdir low/d; echo x > low/d/g`, { as: nobody });
    await shell(`cd ${root}; echo foreign > low/foreign; chmod 644 low/foreign; chmod 4755 low/d/g`);
    const inside = `
      cd ${root}
      tsaufs() { ${process.execPath} ${program} "$@"; }
      tsaufs mount -o br=up:low m
      id -u
      echo more >> m/f; cat m/f; chown 0:0 m/f; mkdir m/d/n; chmod 2755 m/d/n; ln m/f m/l
      cat m/foreign; { echo no > m/foreign; } 2>/dev/null || echo refused
      # The kernel changes nothing of an owner who has no number here.
      mv m/foreign m/d/ 2>/dev/null || echo stays
      rm -r m/d; ls m
      tsaufs list | grep -c running
      tsaufs umount m
      ls -A up low
    `;
    const output = await shell(`unshare -Urm bash -euo pipefail -c '${inside}'`, { as: nobody, env: { XDG_RUNTIME_DIR: root } });
    expect(output.trim().split('\n')).toEqual([
      '0', 'lower', 'more', 'foreign', 'refused', 'stays', 'f', 'foreign', 'l', expect.stringMatching(/^[1-9]$/),
      'low:', 'd', 'f', 'foreign', '', 'up:', '.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk', '.wh.d', 'f', 'l',
    ]);
    expect(lstatSync(path.join(root, 'up/f')).uid).toBe(nobody.uid);
  }));
});
