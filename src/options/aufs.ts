import type { UnionOptions } from '../union/options.js';
import { OptionError } from './error.js';
import { redirectDir } from './overlay.js';
import { ownerFlags, ownerOptions } from './owners.js';
import { parseCopyupPolicy, parseCreatePolicy } from './policy.js';
import type { Setting } from './settings.js';
import { unescape, type Token } from './tokens.js';

/** The options of aufs(5) other than those that name branches. Undefined: not one of them. */
export function parseAufsOption(token: Token): Setting[] | undefined {
  const known = token.value === undefined ? flags.get(token.name) : undefined;
  if (known) return known;
  const parse = valued.get(token.name);
  if (!parse) return undefined;
  if (token.value === undefined || token.value === '') {
    throw new OptionError(`mount option "${token.name}" needs a value: ${token.name}=…; see tsaufs(5)`);
  }
  return parse(token.value, token.name);
}

const union = (set: Partial<UnionOptions>): Setting[] => [{ kind: 'union', set }];
const noEffect = (text: string, why: string): Setting[] => [{ kind: 'note', text: `mount option ${text} has no effect: ${why}` }];

type Switch = { [K in keyof UnionOptions]: UnionOptions[K] extends boolean ? K : never }[keyof UnionOptions];

const switches: [string, Switch][] = [
  ['plink', 'plink'],
  ['dirperm1', 'dirperm1'],
  ['warn_perm', 'warnPerm'],
  ['shwh', 'shwh'],
  ['dirren', 'dirren'],
  ['trunc_xib', 'truncXib'],
  ['trunc_xino', 'truncXino'],
  ['acl', 'acl'],
  ['dio', 'dio'],
  ['verbose', 'verbose'],
];

/** What `droplvl=` of mount.aufs(8) stands for. */
const dropLevels: Record<string, () => Setting[]> = {
  '1': () => [atime('noatime'), ...union({ dirperm1: true, udba: 'none', dirren: false })],
  '2': () => [...dropLevels['1'](), ...union({ truncXino: false, truncXib: false })],
  '3': () => [...dropLevels['2'](), ...union({ plink: false, xino: null })],
  '-1': () => [atime('relatime'), ...union({ dirperm1: false, udba: 'reval' })],
  '-2': () => [...dropLevels['-1'](), ...union({ truncXino: false, truncXib: false })],
  '-3': () => [...dropLevels['-2'](), ...union({ plink: true, xino: undefined })],
};

function atime(name: 'noatime' | 'relatime'): Setting {
  return { kind: 'mount', set: { atime: name } };
}

const flags = new Map<string, Setting[]>([
  ...switches.flatMap(([name, key]): [string, Setting[]][] => [
    [name, union({ [key]: true })],
    [`no${name}`, union({ [key]: false })],
  ]),
  ['v', union({ verbose: true })],
  ['debug', union({ verbose: true })],
  ['quiet', union({ verbose: false })],
  ['q', union({ verbose: false })],
  ['silent', union({ verbose: false })],
  ['noxino', union({ xino: null })],
  ['sum', union({ sum: 'sum' })],
  ['wsum', union({ sum: 'wsum' })],
  ['nosum', union({ sum: 'none' })],
  ['clean_plink', [{ kind: 'action', action: 'clean_plink' }]],
  ['list_plink', [{ kind: 'action', action: 'list_plink' }]],
  ['volatile', union({ volatile: true })],
  ...ownerFlags,
  ['ephemeral', dropLevels['3']()],
  ['nodlgt', noEffect('nodlgt', 'AUFS no longer has it either')],
]);

const valued = new Map<string, (value: string, name: string) => Setting[]>([
  ['xino', (value) => union({ xino: unescape(value) })],
  ['create', (value) => union({ create: parseCreatePolicy(value) })],
  ['create_policy', (value) => union({ create: parseCreatePolicy(value) })],
  ['cpup', (value) => union({ copyup: parseCopyupPolicy(value) })],
  ['copyup', (value) => union({ copyup: parseCopyupPolicy(value) })],
  ['copyup_policy', (value) => union({ copyup: parseCopyupPolicy(value) })],
  ['whiteouts', parseWhiteouts],
  ...ownerOptions,
  ['udba', parseUdba],
  ['passthrough', parsePassthrough],
  ['diropq', parseDiropq],
  ['dirwh', (value, name) => union({ dirwh: wholeNumber(name, value) })],
  ['trunc_xino', (value) => [{ kind: 'action', action: 'trunc_xino', branch: unescape(value) }]],
  ['trunc_xino_path', (value) => [{ kind: 'action', action: 'trunc_xino', branch: unescape(value) }]],
  ['itrunc_xino', (value, name) => [{ kind: 'action', action: 'trunc_xino', branch: wholeNumber(name, value) }]],
  ['droplvl', parseDropLevel],
  ['redirect_dir', redirectDir],
  ['rdblk', (value, name) => tuning(name, value, true)],
  ['rdhash', (value, name) => tuning(name, value, true)],
  ['rdcache', (value, name) => tuning(name, value, false)],
  ['rdmax', (value, name) => tuning(name, value, false)],
  ['fhsm_sec', (value, name) => tuning(name, value, false)],
  ['debug', (value) => union({ verbose: value !== '0' })],
  ['si', () => []],
  ['delete', (value) => noEffect(`delete=${value}`, 'AUFS ignores it too')],
  ['imap', (value) => noEffect(`imap=${value}`, 'AUFS ignores it too')],
]);

/** Every option that is known here, `name` or `name=`. */
export const aufsOptionNames: readonly string[] = [...flags.keys(), ...[...valued.keys()].map((name) => `${name}=`)];

function parseUdba(value: string): Setting[] {
  if (value === 'none' || value === 'reval' || value === 'notify') return union({ udba: value });
  if (value === 'fsnotify' || value === 'inotify') return union({ udba: 'notify' });
  throw new OptionError(`mount option udba=${value}: there are none, reval and notify`);
}

function parseWhiteouts(value: string): Setting[] {
  if (value === 'aufs') return union({ overlayMarks: false });
  if (value === 'overlay') return union({ overlayMarks: true });
  throw new OptionError(`mount option whiteouts=${value}: there are aufs and overlay (AUFS's and those of overlayfs)`);
}

function parsePassthrough(value: string): Setting[] {
  if (value === 'none' || value === 'own' || value === 'all') return union({ passthrough: value });
  throw new OptionError(`mount option passthrough=${value}: there are none, own (files that stay on their branch) and all`);
}

function parseDiropq(value: string): Setting[] {
  if (value === 'w' || value === 'whiteouted') return union({ diropq: 'w' });
  if (value === 'a' || value === 'always') return union({ diropq: 'a' });
  throw new OptionError(`mount option diropq=${value}: there are w (whiteouted) and a (always)`);
}

function parseDropLevel(value: string): Setting[] {
  const level = Object.hasOwn(dropLevels, value) ? dropLevels[value] : undefined;
  if (!level) throw new OptionError(`mount option droplvl=${value}: there are 1, 2, 3, -1, -2 and -3`);
  return level();
}

function tuning(name: string, value: string, def: boolean): Setting[] {
  if (!(def && value === 'def')) wholeNumber(name, value);
  return noEffect(`${name}=${value}`, 'it tunes memory that tsaufs does not use');
}

function wholeNumber(name: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new OptionError(`mount option ${name}=${value}: "${value}" is not a whole number; write it in digits, such as ${name}=3`);
  return Number(value);
}
