/**
 * What tsaufs(5), docs/options.md and the completions of shells say of mount options: facts for those who mount, beside
 * the parsers, which a test compares. `code` is between backticks, as in Markdown; nothing else is marked up.
 */
export interface OptionText {
  /** As it is written, the usual form first: `create=POLICY`, `add:INDEX:BRANCH`. What follows `=` or `:` stands for a value. */
  forms: readonly string[];
  text: string;
  values?: readonly ValueText[];
}

/** One of the words that an option's value can be. */
export interface ValueText {
  /** The word, and what may follow it: `mfs[:SECONDS]`. */
  form: string;
  /** Other words for the same. */
  also?: readonly string[];
  text: string;
  isDefault?: true;
  /** Of an attribute: the permissions that it goes with, if not all. */
  of?: readonly string[];
}

export interface OptionSection {
  title: string;
  intro?: string;
  options: readonly OptionText[];
}

/** The name in a form: what stands before `=` or `:`. */
export function nameOf(form: string): string {
  return /^[^=:[]+/.exec(form)![0];
}

/** The word in a form of a value. */
export function wordOf(form: string): string {
  return /^[^=:[]+/.exec(form)![0];
}

/** The text, with what it is of before it. */
export function textOf({ of, text }: ValueText): string {
  return of === undefined ? text : `Of ${of.map((permission) => `\`${permission}\``).join(' and ')}: ${text}`;
}
