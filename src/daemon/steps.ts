// The steps of a remount as JSON, which has neither Infinity nor undefined: `"index":"end"` is after the last
// branch, `"xino":"default"` the default place (any other is absolute).
import { isDeepStrictEqual } from 'node:util';
import { formatMode, parseMode } from '../options/branch.js';
import type { RemountStep } from '../options/remount.js';
import { defaultMountFlags } from '../options/settings.js';
import { type BranchSpec, defaultUnionOptions } from '../union/options.js';
import { MountError } from './error.js';

/** For a {@link ControlRequest}. */
export function encodeSteps(steps: readonly RemountStep[]): unknown {
  return JSON.parse(JSON.stringify(steps, (key, value: unknown) => {
    if (key === 'index' && value === Infinity) return 'end';
    if (key === 'xino' && value === undefined) return 'default';
    return value;
  }));
}

/** @throws MountError where it is no list of steps */
export function decodeSteps(encoded: unknown): RemountStep[] {
  if (!Array.isArray(encoded) || !encoded.every(isStep)) throw new MountError('not a request: no steps of a remount');
  return encoded.map((step) => {
    if (step.kind === 'change' && step.change.kind === 'add' && (step.change.index as unknown) === 'end') {
      return { ...step, change: { ...step.change, index: Infinity } };
    }
    return step.kind === 'union' && step.set.xino === 'default' ? { ...step, set: { ...step.set, xino: undefined } } : step;
  });
}

/** The socket is only its owner's: this finds another version's requests, not an enemy's. */
function isStep(value: unknown): value is RemountStep {
  const step = value as { kind?: unknown; change?: unknown; set?: unknown; action?: unknown } | null;
  switch (step?.kind) {
    case 'change': return isChange(step.change);
    case 'union': return isSet(step.set, { ...defaultUnionOptions(), xino: '', squashUid: 0, squashGid: 0 });
    case 'mount': return isSet(step.set, { ...defaultMountFlags(), context: '' });
    case 'action': return typeof step.action === 'string';
    default: return false;
  }
}

function isChange(value: unknown): boolean {
  const change = value as Partial<Record<string, unknown>> | null;
  switch (change?.['kind']) {
    case 'add': return (change['index'] === 'end' || Number.isSafeInteger(change['index'])) && isBranch(change['branch']);
    case 'mod': return isPath(change['path']) && isMode(change['mode']);
    case 'del': return isPath(change['path']);
    default: return false;
  }
}

function isBranch(value: unknown): boolean {
  return isPath((value as { path?: unknown } | null)?.path) && isMode(value);
}

/** What can be written in words comes back from them. */
function isMode(value: unknown): boolean {
  const { path: _path, ...mode } = (value ?? {}) as BranchSpec;
  if (typeof mode.perm !== 'string' || !Array.isArray(mode.icex)) return false;
  const again = parseMode(formatMode(mode), () => undefined);
  return isDeepStrictEqual({ ...again }, { ...mode });
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('/') && !value.includes('\0');
}

/** Known options only, each with a value of the kind that its default is. */
function isSet(value: unknown, defaults: object): boolean {
  if (typeof value !== 'object' || value === null || 'branches' in value) return false;
  const known = new Map(Object.entries(defaults));
  return Object.entries(value).every(([key, given]) =>
    known.has(key) && ((key === 'xino' && given === null) || key === 'source' || (given !== null && typeof given === typeof known.get(key))));
}
