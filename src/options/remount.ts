import type { UnionOptions } from '../union/options.js';
import { OptionError } from './error.js';
import { parseOptions } from './parse.js';
import { resolveChange, resolvePath, type ResolvedChange } from './resolve.js';
import type { MountFlags, Setting } from './settings.js';

/** One step of a remount, to be carried out in order. */
export type RemountStep =
  | { kind: 'change'; change: ResolvedChange }
  | { kind: 'union'; set: Partial<UnionOptions> }
  | { kind: 'mount'; set: Partial<MountFlags> }
  | Extract<Setting, { kind: 'action' }>;

export interface ParsedRemount {
  steps: RemountStep[];
  warnings: string[];
}

/**
 * The options of a remount, which AUFS interprets in the given order, from left to right.
 * @param readonly whether the union is read-only now: it decides the default permission of a branch put on top
 * @throws OptionError
 */
export function parseRemountOptions(texts: readonly string[], readonly: boolean, cwd: string): ParsedRemount {
  const warnings: string[] = [];
  const steps: RemountStep[] = [];
  let readonlyNow = readonly;
  for (const setting of parseOptions(texts, (message) => warnings.push(message))) {
    if (setting.kind === 'mount' && setting.set.readonly !== undefined) readonlyNow = setting.set.readonly;
    steps.push(...toSteps(setting, readonlyNow, cwd, warnings));
  }
  return { steps, warnings: [...new Set(warnings)] };
}

function toSteps(setting: Setting, readonly: boolean, cwd: string, warnings: string[]): RemountStep[] {
  switch (setting.kind) {
    case 'remount': return [];
    case 'branches': throw new OptionError('br= is for a new mount; change branches with add:, append:, prepend:, del: and mod:');
    case 'change': return [{ kind: 'change', change: resolveChange(setting.change, readonly, cwd) }];
    case 'note':
      warnings.push(setting.text);
      return [];
    case 'union': return [{ kind: 'union', set: resolveXino(setting.set, cwd) }];
    case 'mount': return mountSteps(setting.set);
    case 'action': return [resolveAction(setting, cwd)];
  }
}

function mountSteps(set: Partial<MountFlags>): RemountStep[] {
  const steps: RemountStep[] = [{ kind: 'mount', set }];
  if (set.readonly !== undefined) steps.push({ kind: 'union', set: { readonly: set.readonly } });
  return steps;
}

function resolveXino(set: Partial<UnionOptions>, cwd: string): Partial<UnionOptions> {
  return typeof set.xino === 'string' ? { ...set, xino: resolvePath(set.xino, cwd) } : set;
}

function resolveAction(action: Extract<Setting, { kind: 'action' }>, cwd: string): RemountStep {
  if (action.action !== 'trunc_xino' || typeof action.branch === 'number') return action;
  return { ...action, branch: resolvePath(action.branch, cwd) };
}
