import { parseBranch, parseMode, type BranchMode, type Warn, type WrittenBranch } from './branch.js';
import { OptionError } from './error.js';
import { splitUnescaped, unescape, type Token } from './tokens.js';

/** One change of the list of branches. Paths are as written until resolve.ts has seen them. */
export type BranchChange =
  /** index Infinity: after the last. */
  | { kind: 'add'; index: number; branch: WrittenBranch }
  | { kind: 'del'; path: string }
  | { kind: 'mod'; path: string; mode: BranchMode };

const forms: Record<string, string> = {
  add: 'add:INDEX:PATH[=PERM]',
  ins: 'ins:INDEX:PATH[=PERM]',
  append: 'append:PATH[=PERM]',
  prepend: 'prepend:PATH[=PERM]',
  del: 'del:PATH',
  mod: 'mod:PATH=PERM',
};

/** Every change that is known here. */
export const branchChangeNames: readonly string[] = Object.keys(forms);

export function isBranchChange(name: string): boolean {
  return Object.hasOwn(forms, name);
}

/**
 * `add`, `ins`, `append`, `prepend`, `del` and `mod`, after `:` or `=`.
 * @throws OptionError where the form is wrong
 */
export function parseChange(token: Token, warn: Warn): BranchChange {
  const value = token.value ?? '';
  if (value === '') throw malformed(token);
  switch (token.name) {
    case 'append': return { kind: 'add', index: Infinity, branch: parseBranch(value, warn) };
    case 'prepend': return { kind: 'add', index: 0, branch: parseBranch(value, warn) };
    case 'del': return { kind: 'del', path: unescape(value) };
    case 'mod': return parseMod(token, value, warn);
    default: return parseAdd(token, value, warn);
  }
}

function parseAdd(token: Token, value: string, warn: Warn): BranchChange {
  const match = /^(\d+):([^]+)$/.exec(value);
  if (!match) throw malformed(token);
  return { kind: 'add', index: Number(match[1]), branch: parseBranch(match[2], warn) };
}

function parseMod(token: Token, value: string, warn: Warn): BranchChange {
  const parts = splitUnescaped(value, '=');
  const mode = parts.pop()!;
  if (parts.length === 0 || mode === '') throw malformed(token);
  return { kind: 'mod', path: unescape(parts.join('=')), mode: parseMode(mode, warn) };
}

function malformed(token: Token): OptionError {
  return new OptionError(`bad mount option "${token.text}"; write ${forms[token.name]}`);
}
