import { execa } from 'execa';
import { isProgram } from './choice.js';
import { contenders } from './contenders/all.js';
import { workloads } from './workloads/all.js';

/** Gets the peers, and what workloads need, by apt-get. */
export async function installDebianPackages(): Promise<void> {
  if (process.geteuid!() !== 0) throw new Error('--install takes root');
  const packages = await missingPackages();
  if (packages.length === 0) return;
  const environment = { env: { DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 2, 2] as const };
  await execa('apt-get', ['update', '-qq'], environment);
  await execa('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], environment);
}

async function missingPackages(): Promise<string[]> {
  const packages = new Set<string>();
  for (const contender of contenders) {
    if (contender.debian !== undefined && await contender.version() === undefined) packages.add(contender.debian);
  }
  for (const { needs } of workloads) {
    if (needs !== undefined && !isProgram(needs.program)) packages.add(needs.debian);
  }
  if (!isProgram('gcc')) for (const each of ['gcc', 'libc6-dev']) packages.add(each);
  return [...packages];
}
