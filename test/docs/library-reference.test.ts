// docs/library-reference.md says what the comments in the source say, and every export has one.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporary } from '../helpers/mounted.js';
import { project, run } from '../helpers/process.js';

/** The compiler lists the types of a union as it came upon them, which changes with files that have nothing to do with it. */
function inOrder(text: string): string {
  const type = '`?"?[\\w-]+"?`?';
  return [' \\| ', ' | '].reduce((now, or) => {
    const escaped = or.replace(/[\\|]/g, '\\$&');
    return now.replace(new RegExp(`${type}(?:${escaped}${type})+`, 'g'), (union) => union.split(or).sort().join(or));
  }, text);
}

test('docs/library-reference.md is up to date (if not: npm run docs:library), and leaves nothing undocumented', async () => {
  await temporary('/tmp', undefined, async (directory) => {
    const { status, stdout, stderr } = await run(process.execPath, [path.join(project, 'node_modules/typedoc/bin/typedoc'), '--out', directory], { cwd: project });
    // Warnings are errors: what is not documented, or not exported though an exported type needs it.
    expect({ status, warnings: `${stdout}${stderr}`.split('\n').filter((line) => /warning|error/i.test(line)) }).toEqual({ status: 0, warnings: [] });
    const made = readFileSync(path.join(directory, 'library-reference.md'), 'utf8');
    expect(inOrder(readFileSync(path.join(project, 'docs/library-reference.md'), 'utf8'))).toBe(inOrder(made));
    expect(made).toMatch(/^## mount\(\)$/m);
  });
});

test('the order of a union\'s types does not count, anything else does', () => {
  expect(inOrder('| `sum?` | `"none"` \\| `"sum"` | Whether |')).toBe(inOrder('| `sum?` | `"sum"` \\| `"none"` | Whether |'));
  expect(inOrder('type T = "a" | "b";')).toBe(inOrder('type T = "b" | "a";'));
  expect(inOrder('| `"none"` \\| `"sum"` | Whether |')).not.toBe(inOrder('| `"none"` \\| `"all"` | Whether |'));
});
