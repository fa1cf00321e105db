// The process that keeps a tour's folder: runs commands there, and when the other side has gone, for whatever reason, it
// clears everything away. It lives as long as the connection.

import { errorLine } from '../../daemon/error.js';
import { runCommand } from './command.js';
import { removeScratch, type ScratchPlace } from './scratch-place.js';

const place = JSON.parse(process.argv[2]) as ScratchPlace;
const program = process.argv[3];

/** A command that has begun comes to its end first: it may be about to mount. */
let last: Promise<unknown> = Promise.resolve();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('message', (command: string) => {
  last = last.then(async () => {
    const outcome = await runCommand(command, place.directory, program);
    if (process.connected) process.send?.(outcome);
  });
});

process.on('disconnect', () => void last.then(() => removeScratch(place)).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`tsaufs: the tour's folder ${place.directory} is left: ${errorLine(error)}\n`);
    process.exit(1);
  },
));
