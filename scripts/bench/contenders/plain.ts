import { rmSync } from 'node:fs';
import { command } from '../command.js';
import type { Place } from '../place.js';
import type { Workload } from '../workload.js';
import type { Contender } from './contender.js';

/** No union: a directory with a copy of what the workload needs. */
export const plain: Contender = {
  id: 'plain',
  color: '#a8a29e',
  version: () => Promise.resolve('directory'),
  mount: () => Promise.resolve(),
  unmount: ({ directory, mountpoint }) => {
    rmSync(`${directory}/${mountpoint}`, { recursive: true });
    return Promise.resolve();
  },
};

/** Puts the lower trees of a workload where the union would show them. */
export async function fillPlain({ directory, lowers, mountpoint, user }: Place, workload: Workload): Promise<void> {
  const lowest = `${directory}/${lowers.at(-1)!}`;
  for (const tree of ['warm-up', ...workload.lower ?? []]) {
    await command('cp', ['-a', '--reflink=never', `${lowest}/${tree}`, `${directory}/${mountpoint}/`], { user });
  }
  for (const tree of workload.upper ?? []) {
    await command('cp', ['-a', '--reflink=never', `${directory}/upper/${tree}`, `${directory}/${mountpoint}/`], { user });
  }
}
