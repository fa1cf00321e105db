import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DriverState, StateKeeper } from '../layers/graphdriver/state.js';

/** Gone after a reboot, as the mounts are. */
const DIRECTORY = '/run/tsaufs';

/** Keeps the state of the driver of one socket: Docker tells it only once, and goes on with a driver that was started again. */
export function stateFile(socket: string): StateKeeper {
  const file = path.join(DIRECTORY, `graphdriver${socket.replaceAll('/', '-')}.json`);
  return {
    load: () => {
      try {
        return JSON.parse(readFileSync(file, 'utf8')) as DriverState;
      } catch {
        return undefined;
      }
    },
    save: (state) => {
      if (state === undefined) {
        rmSync(file, { force: true });
        return;
      }
      mkdirSync(DIRECTORY, { recursive: true, mode: 0o755 });
      writeFileSync(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
  };
}
