import { aufsOptionNames, parseAufsOption } from './aufs.js';
import { parseBranches, type Warn } from './branch.js';
import { branchChangeNames, isBranchChange, parseChange } from './change.js';
import { OptionError } from './error.js';
import { genericOptionNames, parseGenericOption } from './generic.js';
import {
  isOverlayForm, overlayBranches, overlayDefaults, parseOverlayOption, takeOverlayDir, type OverlayDirs,
} from './overlay.js';
import type { Setting } from './settings.js';
import { didYouMean } from './similar.js';
import { tokenise, type Token } from './tokens.js';

/**
 * The settings that the texts of one or more `-o` ask for, in order. Nothing on disk is looked at.
 * @param warn told what AUFS accepts with a warning
 * @param sloppy an unknown option is passed over with a warning, as `mount -s` asks for
 * @throws OptionError for an unknown option or a value that makes no sense
 */
export function parseOptions(texts: readonly string[], warn: Warn, sloppy = false): Setting[] {
  const tokens = texts.flatMap(tokenise);
  const parse = sloppy ? orWarn(parseOption) : parseOption;
  return isOverlayForm(tokens) ? parseOverlayForm(tokens, warn, parse) : tokens.flatMap((token) => parse(token, warn));
}

class UnknownOption extends OptionError {}

function orWarn(parse: typeof parseOption): typeof parseOption {
  return (token, warn) => {
    try {
      return parse(token, warn);
    } catch (error) {
      if (!(error instanceof UnknownOption)) throw error;
      warn(`unknown mount option "${token.text}" passed over`);
      return [];
    }
  };
}

function parseOverlayForm(tokens: readonly Token[], warn: Warn, parse: typeof parseOption): Setting[] {
  const settings: Setting[] = [overlayDefaults];
  const overlay: OverlayDirs = { lower: [], upper: undefined };
  for (const token of tokens) {
    if (!takeOverlayDir(token, overlay)) settings.push(...parseOverlayOption(token) ?? parse(token, warn));
  }
  if (settings.some((setting) => setting.kind === 'branches')) {
    throw new OptionError('give either br= or lowerdir=/upperdir=, not both');
  }
  return [...settings, { kind: 'branches', branches: overlayBranches(overlay) }];
}

function parseOption(token: Token, warn: Warn): Setting[] {
  if (token.name === 'br' || token.name === 'dirs') {
    return [{ kind: 'branches', branches: parseBranches(token.value ?? '', warn) }];
  }
  if (isBranchChange(token.name)) return [{ kind: 'change', change: parseChange(token, warn) }];
  const settings = parseAufsOption(token) ?? parseGenericOption(token);
  if (!settings) throw new UnknownOption(`unknown mount option "${token.text}"${hintFor(token)}; see tsaufs(5) for those there are`);
  return settings;
}

function hintFor({ name, value }: Token): string {
  const known = ['br=', ...branchChangeNames.map((each) => `${each}=`), ...aufsOptionNames, ...genericOptionNames];
  if (value === undefined && known.includes(`${name}=`)) return `; it needs a value: ${name}=…`;
  if (value !== undefined && known.includes(name)) return `; it takes no value: ${name}`;
  return didYouMean(value === undefined ? name : `${name}=`, known);
}
