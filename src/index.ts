/** tsaufs as a library: `import { mount } from 'tsaufs'`. */
export { mount, Mount, type MountEvents, type MountOptions } from './daemon/mount.js';
export type { BranchInput, OptionInput, RemountChange } from './daemon/input.js';
export { listMounts, type ListedMount, type MountStatus } from './daemon/list.js';
export { MountError } from './daemon/error.js';
export { OptionError } from './options/error.js';
export type { Log, LogLevel } from './daemon/log.js';
export type { UnionEvent } from './union/events.js';
export type { BranchSpec, CreatePolicy, IcexClass, Permission, UnionOptions } from './union/options.js';
