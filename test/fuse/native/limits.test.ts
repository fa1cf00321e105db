import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { limits } from '../../helpers/native-limits.js';
import { project } from '../../helpers/process.js';
import { readCases } from '../../oracle/cases.js';

test('every limit of fuse-native is in the documentation, as it is in the data', () => {
  const rows = readFileSync(path.join(project, 'docs/fuse-native.md'), 'utf8').split('\n').filter((line) => line.startsWith('- '));
  expect(rows.filter((row) => limits.some(({ limit }) => row === `- ${limit}`))).toHaveLength(limits.length);
});

test('every exception names a case or a test that there is', () => {
  const cases = new Set(['themes', 'ext4', 'random'].flatMap((suite) => readCases(suite).map((each) => each.test.name)));
  const folder = path.join(project, 'test/mount');
  const source = readdirSync(folder).filter((file) => file.endsWith('.ts')).map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n');
  for (const limit of limits) {
    for (const name of limit.cases) expect(cases, name).toContain(name);
    // Of a name that a test.each makes, the part before its argument.
    for (const name of limit.tests) expect(source).toContain(name.replace(/; udba=none$/, '; %s'));
  }
});
