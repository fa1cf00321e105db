// The steps of a remount as JSON, which has neither Infinity nor undefined: `"index":"end"` is after the last
// branch, `"xino":"default"` the default place (any other is absolute).
import type { RemountStep } from '../options/remount.js';
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
    case 'change': return typeof step.change === 'object' && step.change !== null;
    case 'union':
    case 'mount': return typeof step.set === 'object' && step.set !== null;
    case 'action': return typeof step.action === 'string';
    default: return false;
  }
}
