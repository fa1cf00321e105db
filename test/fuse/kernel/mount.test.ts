import { expect, test } from 'vitest';
import { labelOption } from '../../../src/fuse/kernel/mount.js';

test('a label goes to the kernel in quotes, and only where there is SELinux', () => {
  expect(labelOption('system_u:object_r:container_file_t:s0:c1,c2', true)).toEqual(['context="system_u:object_r:container_file_t:s0:c1,c2"']);
  expect(labelOption('system_u:object_r:container_file_t:s0', false)).toEqual([]);
  expect(labelOption(undefined, true)).toEqual([]);
});
