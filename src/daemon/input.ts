// The options and changes that the library takes, typed, as the settings that the command line's words stand for.
import { branchMode, parseBranch, parseMode, type BranchMode, type Warn, type WrittenBranch } from '../options/branch.js';
import { OptionError } from '../options/error.js';
import { parseOptions } from '../options/parse.js';
import { defaultMountFlags, type MountFlags, type Setting } from '../options/settings.js';
import { defaultUnionOptions, type BranchSpec, type UnionOptions } from '../union/options.js';

/** A branch as the library takes it: what is left out has its default, also the permission. */
export type BranchInput = Pick<BranchSpec, 'path'> & Partial<Omit<BranchSpec, 'path'>>;

/** Options of the union and of the mount itself; what is left out has AUFS's default, or stays as it is. */
export type OptionInput = Partial<Omit<UnionOptions, 'branches'>> & Partial<Omit<MountFlags, 'readonly' | 'source'>>;

/** One change of a mounted union. Text is what would follow `-o`: `'append=/x=ro,udba=none'`. */
export type RemountChange =
  | string
  | {
    /** A new branch. */
    kind: 'add';
    /** As in {@link MountOptions}. */
    branch: string | BranchInput;
    /** Its position, counted from 0; after the last branch where it is left out. */
    index?: number;
  }
  | {
    /** Takes a branch away; refused while something of it is in use. */
    kind: 'del';
    /** Its directory. */
    path: string;
  }
  | {
    /** Another permission, or other attributes. */
    kind: 'mod';
    /** The branch's directory. */
    path: string;
    /** Both, as an object or as aufs(5) writes them: `'ro+wh'`. */
    mode: string | (Pick<BranchMode, 'perm'> & Partial<BranchMode>);
  }
  | {
    /** Other options. */
    kind: 'set';
    /** What is left out stays as it is. */
    options: OptionInput;
  }
  | {
    /** Makes pseudo-links real, as `clean_plink` does. */
    kind: 'flush-plinks';
  };

/** @throws OptionError */
export function writtenBranch(branch: string | BranchInput, warn: Warn): WrittenBranch {
  if (typeof branch === 'string') return parseBranch(branch, warn);
  const { path, ...mode } = branch;
  if (Object.keys(mode).length === 0) return { path, mode: undefined };
  if (mode.perm === undefined) throw new OptionError(`branch ${path}: attributes need a perm: rw, ro or rr`);
  return { path, mode: { ...branchMode(mode.perm), ...mode } };
}

/** @throws OptionError for a name that is no option */
export function optionSettings(options: OptionInput): Setting[] {
  const flagNames = new Set(Object.keys(defaultMountFlags()));
  const unionNames = new Set(Object.keys(defaultUnionOptions()));
  const settings: Setting[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    // readonly is both: the mount's, which the union follows.
    if (flagNames.has(name)) settings.push({ kind: 'mount', set: { [name]: value as never } });
    else if (unionNames.has(name)) settings.push({ kind: 'union', set: { [name]: value as never } });
    else throw new OptionError(`unknown option "${name}"`);
  }
  return settings;
}

/** @throws OptionError */
export function changeSettings(change: RemountChange, warn: Warn): Setting[] {
  if (typeof change === 'string') return parseOptions([change], warn);
  switch (change.kind) {
    case 'add': {
      const { branch, index = Infinity } = change;
      if (index !== Infinity && !(Number.isInteger(index) && index >= 0)) {
        throw new OptionError(`add: the index ${index} is not a whole number from 0 up`);
      }
      return [{ kind: 'change', change: { kind: 'add', index, branch: writtenBranch(branch, warn) } }];
    }
    case 'del': return [{ kind: 'change', change }];
    case 'mod': {
      const { path, mode } = change;
      const full = typeof mode === 'string' ? parseMode(mode, warn) : { ...branchMode(mode.perm), ...mode };
      return [{ kind: 'change', change: { kind: 'mod', path, mode: full } }];
    }
    case 'set': return optionSettings(change.options);
    case 'flush-plinks': return [{ kind: 'action', action: 'clean_plink' }];
    default: throw new OptionError(`unknown change "${(change as { kind: string }).kind}"`);
  }
}
