// Paths as the page keeps them: names percent-encoded byte by byte, so that names that are no UTF-8 stay apart. A key is what
// a query of the server takes.

/** `/etc/hosts`; the root is ''. */
export type Key = string;

export const ROOT: Key = '';

interface Named {
  name: string;
  raw?: string;
}

export function nameKey({ name, raw }: Named): Key {
  return raw ?? encodeURIComponent(name);
}

export function childKey(directory: Key, entry: Named): Key {
  return `${directory}/${nameKey(entry)}`;
}

/** Of the name with this key; -1 where it is not there. A directory may have many: keys are not made of all of them. */
export function indexOf(entries: readonly Named[], key: Key): number {
  const text = shownText(key);
  const isText = encodeURIComponent(text) === key;
  return entries.findIndex(({ name, raw }) => raw === undefined ? isText && name === text : raw === key);
}

/** Of a path in text, as events have it. */
export function keyOf(path: string): Key {
  return path.split('/').filter((name) => name !== '').map((name) => `/${encodeURIComponent(name)}`).join('');
}

/** The directory that it is in; the root is in itself. */
export function parentOf(key: Key): Key {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')));
}

/** Its last name, encoded. */
export function lastOf(key: Key): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** The directories above it, from the root down. */
export function above(key: Key): Key[] {
  const all: Key[] = [];
  for (let at = key; at !== ROOT; at = parentOf(at)) all.unshift(parentOf(at));
  return all;
}

/** Whether it is the directory itself or lies below it. */
export function isIn(key: Key, directory: Key): boolean {
  return key === directory || key.startsWith(`${directory}/`);
}

/** One character a byte: names are sorted by these. */
export function bytesOfKey(key: Key): string {
  return key.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

const decoder = new TextDecoder();

/** For people: bytes that are no UTF-8 are U+FFFD, and control characters `\x0a`. */
export function shownKey(key: Key): string {
  return key === ROOT ? '/' : printable(shownText(key));
}

function shownText(key: Key): string {
  return decoder.decode(Uint8Array.from(bytesOfKey(key), (byte) => byte.charCodeAt(0)));
}

/** Names are chosen by others: control characters, and those that turn the direction of a line, are shown as their numbers. */
export function printable(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}
