import { idleOptions, ownOptions, policyOptions, unionOptions } from './texts/aufs.js';
import { branchOptions } from './texts/branches.js';
import { genericOptions, nativeOptions } from './texts/generic.js';
import { overlayOptions } from './texts/overlay.js';
import type { OptionSection } from './texts/text.js';

/** All mount options, in the order in which they are documented. */
export const optionSections: readonly OptionSection[] = [
  branchOptions, policyOptions, unionOptions, ownOptions, genericOptions, overlayOptions, nativeOptions, idleOptions,
];
