import { expect, test } from 'vitest';
import { nativeOptions } from '../../../src/fuse/native/options.js';
import { parseMountOptions } from '../../../src/options/mount.js';

function given(options: string, root = true, mountpoint = '/mnt'): ReturnType<typeof nativeOptions> {
  const { union, mount } = parseMountOptions([`br=/a,${options}`], '/');
  return nativeOptions(mountpoint, 'none', union, mount, root);
}

const ALWAYS = 'fsname=none,subtype=tsaufs,default_permissions,use_ino,big_writes,nonempty';

test.each([
  ['', true, `${ALWAYS},entry_timeout=0,attr_timeout=0,suid,dev`],
  ['', false, `${ALWAYS},entry_timeout=0,attr_timeout=0`],
  ['udba=none', false, `${ALWAYS},entry_timeout=0,attr_timeout=0`],
  ['entry_timeout=3,attr_timeout=0.5,negative_timeout=2,kernel_cache', false, `${ALWAYS},entry_timeout=3,attr_timeout=0.5,negative_timeout=2,kernel_cache`],
  ['ro,nosuid,nodev,noexec,noatime', true, `${ALWAYS},entry_timeout=0,attr_timeout=0,ro,nosuid,nodev,noexec,noatime`],
  ['allow_other,own_new_files', true, `${ALWAYS},entry_timeout=0,attr_timeout=0,allow_other,suid,dev`],
])('%s (root: %s)', (options, root, text) => {
  expect(given(options, root)).toEqual({ text: `-o${text}`, warnings: [] });
});

test('the source may hold commas', () => {
  const { union, mount } = parseMountOptions(['br=/a'], '/');
  expect(nativeOptions('/mnt', 'a,b\\c', union, mount, true).text).toContain('-ofsname=a\\,b\\\\c,subtype');
});

test('root\'s mount for everybody is refused, a user\'s said to be his', () => {
  expect(() => given('allow_other')).toThrow('own_new_files');
  expect(given('allow_other', false).warnings).toEqual([expect.stringContaining('files that others make in this mount belong to the one who mounted it')]);
});

test('what has no effect is said, and what would be cut off is refused', () => {
  expect(given('strictatime,passthrough=all').warnings).toEqual([
    'strictatime has no effect with the adapter fuse-native', 'passthrough=all has no effect with the adapter fuse-native',
  ]);
  expect(() => given('', true, `/${'m'.repeat(1023)}`)).toThrow('the mount point must not be longer than 1023 bytes');
});
