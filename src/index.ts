/**
 * What `import { mount, … } from 'tsaufs'` gives. How to begin is told in docs/library.md.
 *
 * Made from the comments in the source by `npm run docs:library`.
 * @module tsaufs
 */
export { mount, Mount, type MountEvents, type MountOptions } from './daemon/mount.js';
export type { AdapterName } from './daemon/adapters.js';
export type { BranchInput, OptionInput, RemountChange } from './daemon/input.js';
export { listMounts, type ListedMount, type MountStatus } from './daemon/list.js';
export type { BranchText, MountState } from './daemon/state.js';
export { MountError } from './daemon/error.js';
export { OptionError } from './options/error.js';
export type { Log, LogLevel } from './daemon/log.js';
export type { UnionEvent } from './union/events.js';
export type { BranchMode } from './options/branch.js';
export type { MountFlags } from './options/settings.js';
export type { BranchSpec, CreatePolicy, IcexClass, IdMapping, Permission, UnionOptions } from './union/options.js';
