import { readFileSync } from 'node:fs';
import { nameFromText, textFromName } from '../posix/name.js';

/**
 * The bytes, one character each, of arguments that name files: Node gives them as text, in which bytes that are not UTF-8 are
 * lost. `texts`: some of this process's arguments, in their order.
 */
export function bytesOf(texts: readonly string[]): string[] {
  if (!texts.some((text) => text.includes('\ufffd'))) return texts.map(nameFromText);
  const raw = readFileSync('/proc/self/cmdline', 'latin1').split('\0');
  return texts.map((text) => {
    const at = raw.findIndex((bytes) => textFromName(bytes) === text);
    return at < 0 ? nameFromText(text) : raw.splice(at, 1)[0];
  });
}
