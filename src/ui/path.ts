// Names are bytes: percent-encoded in queries, text in JSON.

import { isUtf8 } from 'node:buffer';
import { HttpError } from './error.js';

/**
 * A parameter of a query as bytes (a latin1 string); undefined where it is not given. `+` is a space, as forms and
 * URLSearchParams write it.
 */
export function bytesOf(query: string, parameter: string): string | undefined {
  for (const part of query.split('&')) {
    const at = part.indexOf('=');
    if ((at < 0 ? part : part.slice(0, at)) !== parameter) continue;
    const written = at < 0 ? '' : part.slice(at + 1);
    return written.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  }
  return undefined;
}

/** The path that a request is about. @throws HttpError */
export function pathOf(query: string): string {
  const path = bytesOf(query, 'path') ?? '/';
  if (!/^[\x01-\xff]*$/.test(path) || path.length > 4095) throw new HttpError(400, 'no path can be like this');
  if (!path.startsWith('/')) throw new HttpError(400, 'a path begins with / at the root of the union');
  if (path.split('/').includes('..')) throw new HttpError(400, 'a path of the union has no ".."');
  return path;
}

/** A name or path as text, with its bytes beside it where they are no UTF-8: to be spread over what has it under `key`. */
export function asText<Key extends string>(bytes: string, key: Key): Record<Key, string> & { raw?: string } {
  const buffer = Buffer.from(bytes, 'latin1');
  const text = { [key]: buffer.toString('utf8') } as Record<Key, string>;
  return isUtf8(buffer) ? text : { ...text, raw: percentEncoded(buffer) };
}

function percentEncoded(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^A-Za-z0-9/._~-]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
