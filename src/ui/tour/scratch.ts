// The folder that the commands of a lesson run in. A process of its own keeps it: whatever becomes of this one, that one
// unmounts what is mounted there, and removes the folder.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UiError } from '../error.js';
import type { Outcome } from './command.js';
import { removeScratch, type ScratchPlace } from './scratch-place.js';

const keeperProgram = fileURLToPath(new URL('./keeper.js', import.meta.url));

export class Scratch {
  readonly mountpoint: string;
  readonly #exited: Promise<unknown>;

  private constructor(private readonly place: ScratchPlace, private readonly keeper: ChildProcess) {
    this.mountpoint = place.mountpoint;
    this.#exited = once(keeper, 'exit');
  }

  /**
   * @param program tsaufs itself
   * @param name of the directory in it that a union is going to be mounted on
   */
  static async make(program: string, name: string, main = keeperProgram): Promise<Scratch> {
    const directory = await realpath(await mkdtemp(path.join(os.tmpdir(), 'tsaufs-tour-')));
    const place: ScratchPlace = { directory, mountpoint: path.join(directory, name) };
    const keeper = fork(main, [JSON.stringify(place), program], {
      // Not in the terminal's process group: ^C is not meant for it.
      detached: true, cwd: '/', execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new Scratch(place, keeper);
  }

  /** Runs a command of a lesson, one at a time. @throws UiError */
  async run(command: string): Promise<Outcome> {
    const answered = once(this.keeper, 'message') as Promise<[Outcome]>;
    const gone = this.#exited.then(() => {
      throw new UiError('the process that keeps the tour has ended');
    });
    this.keeper.send(command, () => undefined);
    const [outcome] = await Promise.race([answered, gone]);
    return outcome;
  }

  /** Unmounts, and removes the folder with all that is in it. */
  async remove(): Promise<void> {
    if (this.keeper.connected) this.keeper.disconnect();
    await this.#exited;
    // It was killed, or could not: then at least it is tried once more, and said why not.
    if (this.keeper.exitCode !== 0) await removeScratch(this.place);
  }
}
