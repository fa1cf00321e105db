// Tests run the compiled program, as its users do: compile it first if a source is newer.
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export default function setup(): void {
  const main = path.join(root, 'dist/cli/main.js');
  const built = modified(main);
  const sources = ['src', 'scripts/manual'].flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => modified(path.join(root, folder, name))));
  if (Math.max(...sources) < built) return;
  execFileSync('npx', ['--no-install', 'tsc', '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  for (const part of ['page', 'manual']) execFileSync('npm', ['run', '--silent', `build:${part}`], { cwd: root, stdio: 'inherit' });
  chmodSync(main, 0o755);
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
