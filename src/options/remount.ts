import type { UnionOptions } from '../union/options.js';
import { OptionError } from './error.js';
import { parseOptions } from './parse.js';
import { resolveBranch, resolveChange, resolvePath, type ResolvedChange } from './resolve.js';
import type { MountFlags, Setting } from './settings.js';
import type { WrittenBranch } from './branch.js';
import { tokenise } from './tokens.js';

/** One step of a remount, to be carried out in order. `readonly` of a mount step goes for the union too. */
export type RemountStep =
  | { kind: 'change'; change: ResolvedChange }
  | { kind: 'union'; set: Partial<UnionOptions> }
  | { kind: 'mount'; set: Partial<MountFlags> }
  | Extract<Setting, { kind: 'action' }>;

/** What the meaning of remount options depends on. */
export interface Remounted {
  /** Whether the union is read-only now: it decides the default permission of a branch put on top. */
  readonly: boolean;
  /** The paths of its branches, from the top down. */
  branches: readonly string[];
}

export interface ParsedRemount {
  steps: RemountStep[];
  warnings: string[];
}

/** Whether the texts of `-o` ask for a remount, as mount(8) gives it to its helpers: `remount,append:/x`. */
export function isRemount(texts: readonly string[]): boolean {
  return texts.flatMap(tokenise).some((token) => token.text === 'remount');
}

/**
 * The options of a remount, which AUFS interprets in the given order, from left to right.
 * @param sloppy unknown options are warnings
 * @throws OptionError
 */
export function parseRemountOptions(texts: readonly string[], union: Remounted, cwd: string, sloppy = false): ParsedRemount {
  const warnings: string[] = [];
  return foldRemount(parseOptions(texts, (message) => warnings.push(message), sloppy), union, warnings, cwd);
}

/**
 * The same of settings that are parsed already.
 * @throws OptionError
 */
export function foldRemount(
  settings: readonly Setting[], union: Remounted, warnings: string[], cwd: string,
): ParsedRemount {
  const steps: RemountStep[] = [];
  let { readonly } = union;
  for (const setting of settings) {
    if (setting.kind === 'mount' && setting.set.readonly !== undefined) readonly = setting.set.readonly;
    steps.push(...toSteps(setting, { ...union, readonly }, cwd, warnings));
  }
  return { steps, warnings: [...new Set(warnings)] };
}

function toSteps(setting: Setting, union: Remounted, cwd: string, warnings: string[]): RemountStep[] {
  switch (setting.kind) {
    case 'default':
    case 'remount': return [];
    case 'branches':
      checkPresent(setting.branches, union, cwd);
      return [];
    case 'change': return [{ kind: 'change', change: resolveChange(setting.change, union.readonly, cwd) }];
    case 'note':
      warnings.push(setting.text);
      return [];
    case 'union': return [{ kind: 'union', set: resolveXino(setting.set, cwd) }];
    case 'mount': return [{ kind: 'mount', set: setting.set }];
    case 'action': return [resolveAction(setting, cwd)];
  }
}

/** mount(8) repeats the `br=` of /etc/fstab at a remount: it may name branches that are there, in their order. */
function checkPresent(written: readonly WrittenBranch[], union: Remounted, cwd: string): void {
  let last = -1;
  for (const branch of written) {
    const { path } = resolveBranch(branch, false, union.readonly, cwd);
    const index = union.branches.indexOf(path);
    if (index <= last) {
      throw new OptionError('br= is for a new mount; change branches with add:, append:, prepend:, del: and mod:');
    }
    last = index;
  }
}

function resolveXino(set: Partial<UnionOptions>, cwd: string): Partial<UnionOptions> {
  return typeof set.xino === 'string' ? { ...set, xino: resolvePath(set.xino, cwd) } : set;
}

function resolveAction(action: Extract<Setting, { kind: 'action' }>, cwd: string): RemountStep {
  if (action.action !== 'trunc_xino' || typeof action.branch === 'number') return action;
  return { ...action, branch: resolvePath(action.branch, cwd) };
}
