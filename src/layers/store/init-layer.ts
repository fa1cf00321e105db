// The layer between an image and a container: what a container engine mounts things on.
// Source: moby/moby, daemon/initlayer/setup_unix.go.
import { closeSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { bytes, copyDirectoryAttributes, lookThrough, type BytePath } from './stack.js';

const entries: readonly (readonly [path: string, kind: 'directory' | 'file' | { to: string }])[] = [
  ['dev/pts', 'directory'],
  ['dev/shm', 'directory'],
  ['proc', 'directory'],
  ['sys', 'directory'],
  ['.dockerenv', 'file'],
  ['etc/resolv.conf', 'file'],
  ['etc/hosts', 'file'],
  ['etc/hostname', 'file'],
  ['dev/console', 'file'],
  ['etc/mtab', { to: '/proc/mounts' }],
];

/**
 * Fills the layer with what the image lacks. Docker also empties the files that the image has, because it mounts its own
 * on them; here they stay, because they are what is to be seen.
 * @param layers the image's, from the top down
 */
export function fillInitLayer(directory: BytePath, layers: readonly BytePath[]): void {
  const copied = new Map<BytePath, BytePath>();
  for (const [path, kind] of entries) {
    const parts = path.split('/');
    if (lookThrough([directory, ...layers], parts) !== undefined) continue;
    if (!makeParents(directory, layers, parts.slice(0, -1), copied)) continue;
    const place = bytes(`${directory}/${path}`);
    if (kind === 'directory') mkdirSync(place, { mode: 0o755 });
    else if (kind === 'file') closeSync(openSync(place, 'wx', 0o755));
    else symlinkSync(kind.to, place);
  }
  // Again: what was put there has changed the times.
  for (const [to, from] of copied) copyDirectoryAttributes(from, to);
}

/**
 * With the attributes that they have in the image, as noted in `copied`. False where the image has something else in
 * their place.
 */
function makeParents(
  directory: BytePath, layers: readonly BytePath[], parts: readonly string[], copied: Map<BytePath, BytePath>,
): boolean {
  for (const index of parts.keys()) {
    const parent = parts.slice(0, index + 1);
    const place = `${directory}/${parent.join('/')}`;
    const own = lookThrough([directory], parent);
    if (own?.kind === 'directory') continue;
    const shown = lookThrough(layers, parent);
    if (own !== undefined || shown?.kind === 'other') return false;
    mkdirSync(bytes(place), { mode: 0o755 });
    if (shown?.kind !== 'directory') continue;
    copyDirectoryAttributes(shown.top, place);
    copied.set(place, shown.top);
  }
  return true;
}
