import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { close, O, openat } from '../../src/posix/file.js';
import { cloneMount, MNT, mount, MS, umount2, UMOUNT_NOFOLLOW } from '../../src/posix/mount.js';
import { isRoot, onEachFileSystem } from './scratch.js';

/** The mount options, type and source of a mount point, as the kernel shows them; undefined: nothing is mounted there. */
function mounted(path: string): string | undefined {
  return readFileSync('/proc/self/mounts', 'latin1').split('\n').find((line) => line.split(' ')[1] === path);
}

onEachFileSystem('mount', (scratch) => {
  test.skipIf(!isRoot)('mounts with options, remounts, unmounts', () => {
    const point = join(scratch.path, 'point');
    mkdirSync(point);
    try {
      expect(mount('a-source', point, 'tmpfs', MS.NOSUID | MS.NODEV, 'size=64k,mode=0700')).toBe(0);
      expect(mounted(point)).toMatch(/^a-source \S+ tmpfs rw,nosuid,nodev,relatime,size=64k,mode=700/);
      expect(mount(null, point, null, MS.REMOUNT | MS.BIND | MS.RDONLY, null)).toBe(0);
      expect(() => writeFileSync(join(point, 'f'), '')).toThrow('EROFS');
      expect(umount2(point, UMOUNT_NOFOLLOW)).toBe(0);
      expect(mounted(point)).toBeUndefined();
      expect(umount2(point, 0)).toBe(-E.EINVAL);
    } finally {
      umount2(point, MNT.DETACH);
    }
  });

  test.skipIf(!isRoot)('a private copy of a mount outlives it, and does not hold it', () => {
    const point = join(scratch.path, 'cloned');
    mkdirSync(join(point, 'below'), { recursive: true });
    let copy = -1;
    try {
      expect(mount('x', point, 'tmpfs', 0, null)).toBe(0);
      mkdirSync(join(point, 'below'));
      expect(mount('y', join(point, 'below'), 'tmpfs', 0, null)).toBe(0);
      writeFileSync(join(point, 'below', 'mounted'), '');
      copy = cloneMount(point);
      expect(copy).toBeGreaterThan(0);
      expect(umount2(join(point, 'below'), 0)).toBe(0);
      expect(umount2(point, 0)).toBe(0);
      expect(openat(copy, 'below/mounted', O.RDONLY, 0)).toBe(-E.ENOENT);
      const made = openat(copy, 'below/made', O.CREAT | O.WRONLY, 0o600);
      expect(made).toBeGreaterThan(0);
      close(made);
    } finally {
      if (copy >= 0) close(copy);
      umount2(join(point, 'below'), MNT.DETACH);
      umount2(point, MNT.DETACH);
    }
    expect(cloneMount(join(scratch.path, 'none'))).toBe(-E.ENOENT);
  });

  test.skipIf(!isRoot)('errors', () => {
    expect(mount('x', join(scratch.path, 'none'), 'tmpfs', 0, null)).toBe(-E.ENOENT);
    expect(mount('x', scratch.path, 'no-such-type', 0, null)).toBe(-E.ENODEV);
    expect(mount('x', `${scratch.path}\0`, 'tmpfs', 0, null)).toBe(-E.EINVAL);
    expect(mount('x', scratch.path, 'tmpfs', 0, 'x'.repeat(4096))).toBe(-E.ENAMETOOLONG);
    expect(umount2(join(scratch.path, 'none'), 0)).toBe(-E.ENOENT);
    expect(umount2('\0', 0)).toBe(-E.EINVAL);
  });
});
