import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { command } from '../command.js';
import type { Contender } from './contender.js';

const root = new URL('../../../', import.meta.url);
const program = fileURLToPath(new URL('dist/cli/main.js', root));

/** This checkout. */
function tsaufs(id: string, color: string, options: string, adapter = 'kernel'): Contender {
  const run = (args: string[], { directory, user }: Parameters<Contender['mount']>[0]): Promise<string> =>
    command(process.execPath, [program, ...args], { cwd: directory, user });
  return {
    id,
    color,
    version: () => {
      const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
      return Promise.resolve(version);
    },
    mount: async (place) => {
      const branches = [`${place.upper}=rw`, ...place.lowers.map((lower) => `${lower}=ro`)].join(':');
      await run(['mount', '--adapter', adapter, '-o', `br=${branches}${options}`, place.mountpoint], place);
    },
    unmount: async (place) => void await run(['umount', place.mountpoint], place),
  };
}

export const byDefault = tsaufs('tsaufs', '#c2410c', '');
/** A peer: libfuse 2 under the same union. */
export const fuseNative = tsaufs('tsaufs-fuse-native', '#7c3aed', '', 'fuse-native');
export const passthroughAll = tsaufs('tsaufs-passthrough-all', '#f59e0b', ',passthrough=all');
