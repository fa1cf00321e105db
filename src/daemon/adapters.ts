import type { Adapter } from '../fuse/adapter.js';
import { MountError } from './error.js';

export type AdapterName = Adapter['name'];

/** Loads only the adapter that is asked for. */
export async function loadAdapter(name: AdapterName): Promise<Adapter> {
  if (name === 'kernel') return (await import('../fuse/kernel/adapter.js')).kernelAdapter;
  throw new MountError('the adapter fuse-native is not there yet; use the default one, kernel');
}
