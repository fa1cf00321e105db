// Overlayfs's words for a union, which container tools and test suites write: lowerdir=, upperdir=, workdir=, and the
// options that come with them, those of fuse-overlayfs, too.

import { branchMode, type WrittenBranch } from './branch.js';
import { OptionError } from './error.js';
import type { Setting } from './settings.js';
import { splitUnescaped, unescape, type Token } from './tokens.js';

/** The branches in overlayfs's words; gathered over the whole option list. */
export interface OverlayDirs {
  lower: string[];
  upper: string | undefined;
}

const dirOptions = new Set(['lowerdir', 'lowerdir+', 'upperdir', 'workdir']);

/** Whether the union is given by `lowerdir=` or `upperdir=`: some names mean something else then than in aufs(5). */
export function isOverlayForm(tokens: readonly Token[]): boolean {
  return tokens.some(({ name }) => dirOptions.has(name) && name !== 'workdir');
}

/**
 * Takes `lowerdir=`, `lowerdir+=` (one more), `upperdir=` and `workdir=`; false for any other option.
 * @throws OptionError
 */
export function takeOverlayDir(token: Token, dirs: OverlayDirs): boolean {
  const { name, value } = token;
  if (!dirOptions.has(name)) return false;
  if (value === undefined || value === '') throw new OptionError(`mount option "${name}" needs a value; write ${name}=PATH`);
  if (name === 'lowerdir') dirs.lower = splitLowerDirs(value);
  else if (name === 'lowerdir+') dirs.lower.push(unescape(value));
  else if (name === 'upperdir') dirs.upper = unescapeOverlay(value);
  // workdir: AUFS keeps its temporary names in the branch itself.
  return true;
}

function splitLowerDirs(value: string): string[] {
  const parts = splitUnescaped(value, ':');
  const empty = parts.indexOf('');
  if (empty > 0 && empty < parts.length - 1) {
    throw new OptionError(`mount option lowerdir=${value}: data-only layers (after "::") are not supported; leave them out`);
  }
  if (empty >= 0) throw new OptionError(`mount option lowerdir=${value}: a path is empty; write lowerdir=/upper:/lower`);
  return parts.map(unescapeOverlay);
}

/** overlayfs takes a backslash away from whatever character it stands before, not only from those that need one. */
function unescapeOverlay(text: string): string {
  return text.replace(/\\([^]?)/g, '$1');
}

/** upperdir becomes `=rw`, each lowerdir `=ro+wh`. */
export function overlayBranches(dirs: OverlayDirs): WrittenBranch[] {
  const lower = dirs.lower.map((path): WrittenBranch => ({ path, mode: { ...branchMode('ro'), wh: true } }));
  if (dirs.upper === undefined) return lower;
  return [{ path: dirs.upper, mode: branchMode('rw') }, ...lower];
}

/** What goes with the form unless an option says otherwise. */
export const overlayDefaults: Setting = { kind: 'default', set: { lowerDirsStay: true, overlayMarks: true } };

/**
 * `redirect_dir=`: on is AUFS's `dirren`; with off a directory that a lower branch has is not renamed at all.
 * @throws OptionError
 */
export function redirectDir(value: string): Setting[] {
  const setting = (dirren: boolean): Setting => ({ kind: 'union', set: { dirren, lowerDirsStay: !dirren } });
  switch (value) {
    case 'on': return [setting(true)];
    case 'off':
    case 'nofollow': return [setting(false)];
    case 'follow': return [setting(false), note('redirect_dir=follow', 'redirections that overlayfs wrote are not followed')];
    default: throw new OptionError(`mount option redirect_dir=${value}: there are on, off, follow and nofollow`);
  }
}

/**
 * The options that stand beside the directories. Undefined: not one of them.
 * @throws OptionError for what cannot be done, and is not a matter of speed
 */
export function parseOverlayOption(token: Token): Setting[] | undefined {
  const { name, value } = token;
  const why = refused.get(name);
  if (why !== undefined && !(value === '0' && switches.has(name))) throw new OptionError(`mount option ${name} is not supported: ${why}; leave it out`);
  if (why !== undefined || tuning.has(name) || (name === 'squash_to_root' && value === '0')) return [];
  if (name === 'userxattr' && value === undefined) return [];
  if (name === 'fsync' && (value === '0' || value === 'volatile')) return [{ kind: 'union', set: { volatile: true } }];
  const known = values.get(name);
  return known && parseKnown(name, value ?? '', known);
}

const note = (text: string, why: string): Setting => ({ kind: 'note', text: `mount option ${text} has no effect: ${why}` });

const notSupported = Symbol('refused');

/**
 * Options with few values: null is accepted silently, because tsaufs does it in any case or because it is about what
 * overlayfs writes into its layers; a text is the reason why it has no effect.
 */
const values = new Map<string, Record<string, null | string | typeof notSupported>>([
  // Pseudo-links keep hard links together across branches.
  ['index', { on: null, off: null }],
  ['nfs_export', { on: null, off: null }],
  // Numbers of inodes are those of one file system in any case.
  ['xino', { on: null, off: null, auto: null }],
  ['uuid', { on: null, off: null, null: null, auto: null }],
  ['metacopy', { off: null, on: 'data is copied up with the rest' }],
  ['verity', { off: null, on: notSupported, require: notSupported }],
  ['fsync', { auto: null, strict: null, 1: null, 0: null, volatile: null }],
]);

/** Every option that is known only beside `lowerdir=` or `upperdir=`. */
export const overlayOptionNames = (): readonly string[] => [...dirOptions, ...values.keys(), ...tuning, ...refused.keys(), 'userxattr'];

function parseKnown(name: string, value: string, known: Record<string, null | string | typeof notSupported>): Setting[] {
  const verdict = Object.hasOwn(known, value) ? known[value] : undefined;
  if (verdict === undefined) throw new OptionError(`mount option ${name}=${value}: there are ${Object.keys(known).join(', ')}`);
  if (verdict === notSupported) throw new OptionError(`mount option ${name}=${value} is not supported; leave it out`);
  return typeof verdict === 'string' ? [note(`${name}=${value}`, verdict)] : [];
}

/** Of fuse-overlayfs and libfuse: about threads, caches and other means, not about what the union shows. */
const tuning = new Set([
  'threaded', 'fast_ino', 'fast_ino_check', 'timeout', 'writeback', 'max_threads', 'max_idle_threads', 'clone_fd',
  'static_nlink', 'ino32_t', 'sync', 'attr_timeout', 'entry_timeout', 'negative_timeout',
]);

const labels = 'files keep the labels that they have on their branches';

const refused = new Map([
  ['datadir+', 'there are no data-only layers'],
  ['fscontext', labels],
  ['defcontext', labels],
  ['rootcontext', labels],
  ['xattr_permissions', 'owner and mode of a file are kept in its inode'],
  ['noxattrs', 'extended attributes are shown'],
  ['plugins', 'there are none'],
]);

/** Those of them that `=0` turns off. */
const switches = new Set(['xattr_permissions', 'noxattrs']);
