import { OptionError } from './error.js';

/** One `name`, `name=value` or, for the options that AUFS lets be written so, `name:value`. */
export interface Token {
  name: string;
  value: string | undefined;
  /** As the user wrote it, for messages. */
  text: string;
}

/** Options whose value may follow a colon, aufs(5): `br:/a:/b`, `add:1:/x`. */
const colonOptions = new Set(['br', 'dirs', 'add', 'ins', 'append', 'prepend', 'del', 'mod']);

/**
 * Splits the text of one `-o` at its commas. A backslash keeps a comma, colon, equals sign or backslash that
 * belongs to a path; it stays in the token, for {@link splitUnescaped} and {@link unescape} further down.
 * Double quotes around a value keep its commas, as mount(8) has it.
 */
export function tokenise(text: string): Token[] {
  return splitAtCommas(text)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(toToken);
}

function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '\\' && isEscape(text, at)) {
      part += char + text[++at];
    } else if (char === '"' && (quoted || part.endsWith('='))) {
      quoted = !quoted;
    } else if (char === ',' && !quoted) {
      parts.push(part);
      part = '';
    } else {
      part += char === ',' ? '\\,' : char;
    }
  }
  if (quoted) throw new OptionError(`mount options: a double quote is not closed: ${text}; close it, or put a backslash before commas instead`);
  parts.push(part);
  return parts;
}

function toToken(text: string): Token {
  const match = /^([^:=]*)([:=])([^]*)$/.exec(text);
  if (!match) return { name: text, value: undefined, text };
  const [, name, separator, value] = match;
  if (separator === ':' && !colonOptions.has(name)) {
    // `x-systemd.requires:…` and the like: the colon belongs to the name.
    const equals = text.indexOf('=');
    return equals < 0
      ? { name: text, value: undefined, text }
      : { name: text.slice(0, equals), value: text.slice(equals + 1), text };
  }
  return { name, value, text };
}

/** A backslash is an escape only before one of the characters that mean something here. */
function isEscape(text: string, at: number): boolean {
  const next = text[at + 1];
  return at + 1 < text.length && ',:=\\'.includes(next);
}

/** Splits at every `separator` that has no backslash before it; the backslashes stay. */
export function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\' && isEscape(text, at)) at++;
    else if (text[at] === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

export function unescape(text: string): string {
  return text.replace(/\\([,:=\\])/g, '$1');
}

/** The other way: a path as it must be written inside an option. */
export function escape(path: string): string {
  return path.replace(/[,:=]|\\(?=[,:=\\]|$)/g, '\\$&');
}
