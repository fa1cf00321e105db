// scripts/demo checks each of its steps itself.
import path from 'node:path';
import { expect, test } from 'vitest';
import { adapter } from '../helpers/adapter.js';
import { because, noRootMount, project, succeed } from '../helpers/process.js';

const reason = noRootMount();

test.skipIf(reason !== undefined)(`the walk-through${because(reason)}`, async () => {
  expect(await succeed(path.join(project, 'scripts/demo'), ['--adapter', adapter])).toMatch(/\nAll as it should be\.\n$/);
});
