// The page's own files. They are few, and read once: a request can only name one of them.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { UiError } from './error.js';

export interface StaticFile {
  type: string;
  content: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/**
 * By the path of the request; the page itself is `/`.
 * @throws UiError where the page is not built
 */
export function loadStaticFiles(directory: string): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const name of namesIn(directory)) {
    const type = types[path.extname(name)] as string | undefined;
    if (type === undefined) continue;
    files.set(name === 'index.html' ? '/' : `/${name}`, { type, content: readFileSync(path.join(directory, name)) });
  }
  if (!files.has('/')) throw new UiError(`the page is not built: ${path.join(directory, 'index.html')} is missing; run npm run build`);
  return files;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
