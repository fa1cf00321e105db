import type { BranchSpec, IcexClass, Permission } from '../union/options.js';
import { OptionError } from './error.js';
import { escape, splitUnescaped, unescape } from './tokens.js';

/** What is written after `path=`: everything of a branch but its place. */
export type BranchMode = Omit<BranchSpec, 'path'>;

/** A branch as written. `mode` is undefined where none was given: then the place in the union decides. */
export interface WrittenBranch {
  path: string;
  mode: BranchMode | undefined;
}

export type Warn = (message: string) => void;

const icexClasses: readonly IcexClass[] = ['sec', 'sys', 'tr', 'usr', 'oth'];

export function branchMode(perm: Permission): BranchMode {
  return { perm, wh: false, nolwh: false, unpin: false, coo: 'none', moo: false, fhsm: false, icex: [] };
}

/**
 * `/a=rw:/b=ro+wh:/c`, aufs(5) Branch Syntax. A colon at the end is let through, as AUFS does.
 * @throws OptionError where a branch is empty
 */
export function parseBranches(text: string, warn: Warn): WrittenBranch[] {
  const parts = splitUnescaped(text, ':');
  if (parts.length > 1 && parts.at(-1) === '') parts.pop();
  return parts.map((part) => parseBranch(part, warn));
}

/** `path[=perm[+attr…]]`. The last `=` is the one that counts: a path may have others. */
export function parseBranch(text: string, warn: Warn): WrittenBranch {
  const parts = splitUnescaped(text, '=');
  const mode = parts.length > 1 ? parts.pop()! : '';
  const path = unescape(parts.join('='));
  if (path === '') throw new OptionError(`a branch has no path: "${text}"; write br=/path=rw:/path2=ro`);
  return { path, mode: mode === '' ? undefined : parseMode(mode, warn) };
}

/**
 * `rw+nolwh`. Nothing here is an error: an unknown permission means ro; an unknown attribute is ignored with
 * those after it; one that does not go with the permission is ignored (recorded cases perm-unknown and
 * perm-attr-unknown). All with a warning.
 */
export function parseMode(text: string, warn: Warn): BranchMode {
  const [perm, ...attributes] = text.split('+') as [string, ...string[]];
  if (perm !== 'rw' && perm !== 'ro' && perm !== 'rr') {
    warn(`unknown branch permission "${text}" taken as ro`);
    return branchMode('ro');
  }
  const mode = branchMode(perm);
  for (const [index, attribute] of attributes.entries()) {
    if (!setAttribute(mode, attribute)) {
      warn(`unknown branch attribute ignored: "${attributes.slice(index).join('+')}"`);
      break;
    }
  }
  dropMeaningless(mode, warn);
  return mode;
}

function setAttribute(mode: BranchMode, attribute: string): boolean {
  switch (attribute) {
    case 'wh': mode.wh = true; return true;
    case 'nolwh': mode.nolwh = true; return true;
    case 'unpin': mode.unpin = true; return true;
    case 'fhsm': mode.fhsm = true; return true;
    case 'icex': mode.icex = icexClasses; return true;
    // Of the three kinds of copy-up on open, the last one written counts.
    case 'coo_reg': mode.coo = 'reg'; mode.moo = false; return true;
    case 'coo_all': mode.coo = 'all'; mode.moo = false; return true;
    case 'moo': mode.coo = 'none'; mode.moo = true; return true;
    default: {
      const found = icexClasses.find((name) => attribute === `icex${name}`);
      if (!found) return false;
      mode.icex = icexClasses.filter((name) => name === found || mode.icex.includes(name));
      return true;
    }
  }
}

function dropMeaningless(mode: BranchMode, warn: Warn): void {
  const ignore = (attribute: 'wh' | 'nolwh' | 'moo' | 'unpin', why: string): void => {
    if (!mode[attribute]) return;
    mode[attribute] = false;
    warn(`branch attribute ${attribute} ignored: ${why}`);
  };
  if (mode.perm === 'rw') {
    ignore('wh', 'it is for read-only branches');
  } else {
    ignore('nolwh', 'it is for writable branches');
    ignore('moo', 'it is for writable branches');
  }
  ignore('unpin', 'branch directories are never pinned');
}

/** `ro+wh`, attributes in the order in which AUFS prints them. */
export function formatMode(mode: BranchMode): string {
  const words: string[] = [mode.perm];
  if (mode.coo !== 'none') words.push(`coo_${mode.coo}`);
  if (mode.unpin) words.push('unpin');
  if (mode.fhsm) words.push('fhsm');
  if (mode.icex.length === icexClasses.length) words.push('icex');
  else words.push(...mode.icex.map((name) => `icex${name}`));
  if (mode.wh) words.push('wh');
  if (mode.moo) words.push('moo');
  if (mode.nolwh) words.push('nolwh');
  return words.join('+');
}

/** `/path=ro+wh`, as AUFS shows it in /sys/fs/aufs/si_ID/br0. */
export function formatBranch(branch: BranchSpec): string {
  return `${branch.path}=${formatMode(branch)}`;
}

/** The same in a form that can be parsed again, whatever characters the path has. */
export function formatBranchOption(branch: BranchSpec): string {
  return `${escape(branch.path)}=${formatMode(branch)}`;
}
