import { execa } from 'execa';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Compiles src/ to dist/ unless that is newer, as the tests do. */
export async function buildIfStale(): Promise<void> {
  await execa('bash', ['-c', '. scripts/setup.sh && build_if_stale'], { cwd: root, stdio: ['ignore', 2, 2] });
}
