import type { ShownPseudoLink } from '../union/pseudo-link-flush.js';
import { callControl } from './control.js';
import { findRunning } from './find-running.js';
import { resolveMountpoint } from './mountpoint.js';

/**
 * The pseudo-links of a mounted union, whichever process serves it. Reads the whole union, which waits meanwhile.
 * @throws MountError not mounted, not permitted, or what the mount answers
 */
export async function plinksAt(written: string): Promise<ShownPseudoLink[]> {
  return await callControl(findRunning(resolveMountpoint(written)).directory, { command: 'describe-plinks' }) as ShownPseudoLink[];
}

/** Makes all their names real links (`auplink cpup`), and ends them, too (`flush`). Throws MountError. */
export async function makePlinksReal(written: string, how: 'cpup' | 'flush'): Promise<void> {
  await callControl(findRunning(resolveMountpoint(written)).directory, { command: `${how}-plinks` });
}
