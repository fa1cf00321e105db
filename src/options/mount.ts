import { defaultUnionOptions, type BranchSpec, type UnionOptions } from '../union/options.js';
import { OptionError } from './error.js';
import { parseOptions } from './parse.js';
import { resolveBranch, resolveChange, resolvePath, type ResolvedChange } from './resolve.js';
import { defaultMountFlags, type MountFlags, type Setting } from './settings.js';

/** All that a mount is told by its options. */
export interface ParsedMount {
  union: UnionOptions;
  mount: MountFlags;
  /** Lines to be said once: what was accepted though it is wrong, or without effect. */
  warnings: string[];
}

/**
 * The options of a new mount as text, with every path made absolute.
 * @param cwd what relative paths are relative to
 * @param sloppy unknown options are warnings
 * @throws OptionError
 */
export function parseMountOptions(texts: readonly string[], cwd: string, sloppy = false): ParsedMount {
  const warnings: string[] = [];
  return foldMount(parseOptions(texts, (message) => warnings.push(message), sloppy), warnings, cwd);
}

/**
 * The options of a new mount. As in AUFS simple flags come first and branches after them, in whatever order they
 * are written; `append=` and its like then change the list from left to right.
 * @throws OptionError
 */
export function foldMount(settings: readonly Setting[], warnings: string[], cwd: string): ParsedMount {
  const union = defaultUnionOptions();
  const mount = defaultMountFlags();
  for (const setting of settings) applySimple(setting, union, mount, warnings);
  union.readonly = mount.readonly;
  if (typeof union.xino === 'string') union.xino = resolvePath(union.xino, cwd);
  for (const setting of settings) applyBranches(setting, union, cwd);
  if (union.branches.length === 0) {
    throw new OptionError('no branches given; write -o br=/upper:/lower (first one writable, the others read-only)');
  }
  return { union, mount, warnings: [...new Set(warnings)] };
}

function applySimple(setting: Setting, union: UnionOptions, mount: MountFlags, warnings: string[]): void {
  switch (setting.kind) {
    case 'default':
    case 'union': Object.assign(union, setting.set); break;
    case 'mount': Object.assign(mount, setting.set); break;
    case 'note': warnings.push(setting.text); break;
    case 'action': refuseAction(setting.action, warnings); break;
    case 'remount': throw new OptionError('to change a mounted union, use `tsaufs remount -o OPTIONS MOUNTPOINT`');
    case 'branches':
    case 'change':
  }
}

function refuseAction(action: string, warnings: string[]): void {
  if (action === 'trunc_xino') throw new OptionError(`mount option ${action}= works on a mounted union: use tsaufs remount`);
  warnings.push(`mount option ${action} has no effect on a new mount`);
}

function applyBranches(setting: Setting, union: UnionOptions, cwd: string): void {
  if (setting.kind === 'branches') {
    for (const branch of setting.branches) {
      union.branches.push(resolveBranch(branch, union.branches.length === 0, union.readonly, cwd));
    }
  } else if (setting.kind === 'change') {
    union.branches = changeBranches(union.branches, resolveChange(setting.change, union.readonly, cwd));
  }
}

/**
 * The list of branches after one change.
 * @throws OptionError where the index is too large or the branch is not there
 */
export function changeBranches(branches: readonly BranchSpec[], change: ResolvedChange): BranchSpec[] {
  switch (change.kind) {
    case 'add': {
      const index = change.index === Infinity ? branches.length : change.index;
      if (index > branches.length) {
        throw new OptionError(`add:${index}:${change.branch.path}: there are only ${branches.length} branches; INDEX is at most ${branches.length}, and append: adds at the bottom`);
      }
      return branches.toSpliced(index, 0, change.branch);
    }
    case 'del': return branches.toSpliced(find(branches, change.path), 1);
    case 'mod': return branches.with(find(branches, change.path), { path: change.path, ...change.mode });
  }
}

function find(branches: readonly BranchSpec[], branchPath: string): number {
  const index = branches.findIndex((branch) => branch.path === branchPath);
  if (index < 0) throw new OptionError(`${branchPath} is not a branch of this union; it has ${branches.map((branch) => branch.path).join(', ')}`);
  return index;
}
