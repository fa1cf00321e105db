import { expect, test } from 'vitest';
import { mountAt, readMountTable } from '../../src/daemon/mount-table.js';

test('/proc is mounted, and is proc', () => {
  expect(mountAt('/proc')?.type).toBe('proc');
});

test('a directory that is no mount point is not in the table', () => {
  expect(mountAt('/proc/self')).toBeUndefined();
});

test('every entry has an absolute mount point and a type', () => {
  for (const entry of readMountTable()) {
    expect(entry.mountpoint).toMatch(/^\//);
    expect(entry.type).toMatch(/^[a-z0-9._-]+$/);
    expect(entry.device).toMatch(/^\d+:\d+$/);
    expect(entry.flags.some((flag) => flag === 'rw' || flag === 'ro')).toBe(true);
  }
});

test('what is mounted last is on top', () => {
  const entry = (type: string): ReturnType<typeof readMountTable>[number] => ({ mountpoint: '/m', type, source: 'x', device: '0:1', flags: ['rw'] });
  expect(mountAt('/m', [entry('tmpfs'), entry('fuse.tsaufs')])?.type).toBe('fuse.tsaufs');
});
