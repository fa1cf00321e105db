/**
 * Worker threads load JavaScript, and Node 20 reads no TypeScript: this compiles what a test's worker needs
 * into a folder of its own under node_modules, where packages are found from.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const project = fileURLToPath(new URL('../..', import.meta.url));
const folders = ['src/posix', 'src/union', 'src/fuse', 'src/fuse/kernel', 'test/fuse'];

export interface Compiled {
  /** The compiled module of a source file, given from the project's root without its extension. */
  url(module: string): URL;
  remove(): void;
}

export function compile(): Compiled {
  const cache = join(project, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const out = mkdtempSync(join(cache, 'tsaufs-test-'));
  // For tests that run it as another user.
  chmodSync(out, 0o755);
  for (const folder of folders) {
    for (const entry of readdirSync(join(project, folder), { withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith('.ts')) compileFile(join(project, folder, entry.name), out);
    }
  }
  return {
    url: (module) => pathToFileURL(join(out, `${module}.js`)),
    remove: () => rmSync(out, { recursive: true, force: true }),
  };
}

function compileFile(file: string, out: string): void {
  const target = join(out, relative(project, file)).replace(/\.ts$/, '.js');
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
    },
  });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, outputText);
}
