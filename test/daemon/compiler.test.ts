import { execa } from 'execa';
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { expect, it } from 'vitest';
import { project } from '../helpers/process.js';

it('V8 knows what it is told: of a flag that it does not know it complains on standard error, and goes on', async () => {
  const tune = pathToFileURL(path.join(project, 'dist/daemon/compiler.js')).href;
  const run = (code: string): Promise<string> =>
    execa(process.execPath, ['--input-type=module', '-e', code]).then(({ stderr }) => stderr);
  expect(await run(`import { tuneCompiler } from ${JSON.stringify(tune)}; tuneCompiler();`)).toBe('');
  expect(await run('import v8 from "node:v8"; v8.setFlagsFromString("--no-such-flag");')).toMatch(/no-such-flag/);
});
