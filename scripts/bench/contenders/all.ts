import type { User } from '../command.js';
import type { Contender } from './contender.js';
import { fuseOverlayfs } from './fuse-overlayfs.js';
import { overlayfs } from './overlayfs.js';
import { plain } from './plain.js';
import { byDefault, fuseNative, passthroughAll } from './tsaufs.js';
import { unionfsFuse } from './unionfs-fuse.js';

/** In the order of the tables. The first is the one the others are compared with. */
export const contenders: readonly Contender[] = [byDefault, passthroughAll, fuseNative, fuseOverlayfs, unionfsFuse, overlayfs, plain];

/** What takes part unless --peers says otherwise. */
export function usualContenders(user: User | undefined, withPassthroughAll: boolean): Contender[] {
  return contenders.filter((each) => {
    if (each === passthroughAll) return withPassthroughAll;
    if (each === fuseNative) return false;
    return each !== overlayfs || user === undefined;
  });
}
