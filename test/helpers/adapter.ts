// Which adapter the mounts of the tests are made with. vitest.config.ts has a project for each; by hand:
// TSAUFS_TEST_ADAPTER=fuse-native npx vitest run --project kernel test/mount/names.test.ts
import { findPackage } from '../../src/fuse/native/addon.js';

type Name = 'kernel' | 'fuse-native';

export const adapter: Name = process.env['TSAUFS_TEST_ADAPTER'] === 'fuse-native' ? 'fuse-native' : 'kernel';

/** For `tsaufs mount`. */
export const adapterArguments: readonly string[] = ['--adapter', adapter];

/** Mount options that make the adapter's mount usable by whom the kernel adapter's is. */
export const adapterOptions: readonly string[] =
  adapter === 'fuse-native' && process.geteuid!() === 0 ? ['allow_other', 'own_new_files'] : [];

/** Why this adapter cannot be tried here. */
export function noAdapter(): string | undefined {
  return adapter === 'fuse-native' && findPackage() === undefined ? 'the package fuse-native is not installed' : undefined;
}
