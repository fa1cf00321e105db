// Links of the documents lead somewhere: files of the project, and headings in them. Other hosts are not asked.
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporary } from '../helpers/mounted.js';
import { project, succeed } from '../helpers/process.js';
import { documentNames, readDocument } from './document.js';

describe('links', () => {
  test.each([...documentNames(), 'test/oracle/README.md'])('%s', (name) => {
    expect(readDocument(name).links.map(({ target, line }) => broken(name, target, line)).filter((problem) => problem !== undefined)).toEqual([]);
  });

  test('a broken one is found', () => {
    expect(broken('README.md', 'docs/usage.md#tsaufs-mount', 1)).toBeUndefined();
    expect(broken('docs/usage.md', '#nothing', 1)).toBe('docs/usage.md:1: #nothing: no such heading');
    expect(broken('docs/usage.md', 'nothing.md', 2)).toBe('docs/usage.md:2: nothing.md: no such file');
    expect(broken('docs/usage.md', '/docs/usage.md', 3)).toMatch(/from the document/);
  });
});

function broken(document: string, target: string, line: number): string | undefined {
  if (/^(https?|mailto):/.test(target)) return undefined;
  const where = `${document}:${line}: ${target}`;
  if (target.startsWith('/')) return `${where}: links lead from the document, not from a root`;
  const [file, anchor] = target.split('#') as [string, string | undefined];
  const name = file === '' ? document : path.join(path.dirname(document), decodeURI(file));
  if (!existsSync(path.join(project, name))) return `${where}: no such file`;
  if (anchor === undefined || !name.endsWith('.md') || statSync(path.join(project, name)).isDirectory()) return undefined;
  return readDocument(name).anchors.has(anchor) ? undefined : `${where}: no such heading`;
}

test('the picture of the architecture shows the imports of now (if not: npm run docs:picture)', async () => {
  await temporary('/tmp', undefined, async (directory) => {
    const made = path.join(directory, 'architecture.svg');
    await succeed(process.execPath, ['--import', 'tsx', path.join(project, 'scripts/picture.ts'), made], { cwd: project });
    expect(readFileSync(path.join(project, 'docs/images/architecture.svg'), 'utf8')).toBe(readFileSync(made, 'utf8'));
  });
});

test('every file that the architecture names is there', () => {
  const text = readFileSync(path.join(project, 'docs/architecture.md'), 'utf8');
  const named = [...text.matchAll(/^\|.*\| (src\/.*) \|$/gm)].flatMap(([, cell]) => {
    let folder = '';
    return [...cell.matchAll(/(src\/[\w/]+\/|)([\w-]+\.ts)/g)].map(([, written, file]) => (folder = written === '' ? folder : written) + file);
  });
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((file) => !existsSync(path.join(project, file)))).toEqual([]);
});
