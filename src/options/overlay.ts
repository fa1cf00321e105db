import { branchMode, type WrittenBranch } from './branch.js';
import { OptionError } from './error.js';
import { splitUnescaped, unescape, type Token } from './tokens.js';

/** The branches in overlayfs's words, which container tools use; gathered over the whole option list. */
export interface OverlayDirs {
  lower: string[];
  upper: string | undefined;
}

/** Takes `lowerdir=`, `upperdir=` and `workdir=`; false for any other option. */
export function takeOverlayOption(token: Token, dirs: OverlayDirs): boolean {
  const { name, value } = token;
  if (name !== 'lowerdir' && name !== 'upperdir' && name !== 'workdir') return false;
  if (value === undefined || value === '') throw new OptionError(`mount option "${name}" needs a value`);
  if (name === 'lowerdir') dirs.lower = splitUnescaped(value, ':').filter((path) => path !== '').map(unescape);
  else if (name === 'upperdir') dirs.upper = unescape(value);
  // workdir: AUFS keeps its temporary names in the branch itself.
  return true;
}

/** upperdir becomes `=rw`, each lowerdir `=ro+wh`. */
export function overlayBranches(dirs: OverlayDirs): WrittenBranch[] {
  const lower = dirs.lower.map((path): WrittenBranch => ({ path, mode: { ...branchMode('ro'), wh: true } }));
  if (dirs.upper === undefined) return lower;
  return [{ path: dirs.upper, mode: branchMode('rw') }, ...lower];
}
