// Docker's AUFS store on disk: diff/ID is the layer's own files, layers/ID names the layers below it, the nearest first,
// and mnt/ID is where all of them are mounted as one. Docker's documentation of its aufs driver describes it.

import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DriverError } from './error.js';
import { MERGED_PREFIX } from './merge.js';

/** What a layer is renamed to while it is removed: Docker must not find half of it. */
const REMOVING = '-removing';

/** Who owns the directories that containers see. */
export interface Owner {
  uid: number;
  gid: number;
}

export class LayerStore {
  /** @param home absolute */
  constructor(readonly home: string, private readonly owner: Owner) {}

  /** Makes the directories of a store where they are missing, and removes what was being removed when the driver ended. */
  async prepare(): Promise<void> {
    for (const directory of [this.home, this.diffs, this.layers, this.mounts]) {
      const made = await mkdir(directory, { recursive: true });
      if (made === undefined) continue;
      await chmod(directory, 0o710);
      await chown(directory, process.geteuid!(), this.owner.gid);
    }
    for (const name of await readdir(this.diffs)) {
      if (name.endsWith(REMOVING)) await rm(path.join(this.diffs, name), { recursive: true, force: true });
    }
    for (const name of await readdir(this.home)) {
      if (name.startsWith(MERGED_PREFIX)) await rm(path.join(this.home, name), { recursive: true, force: true });
    }
    for (const name of await readdir(this.layers)) {
      if (name.startsWith('.')) await rm(path.join(this.layers, name), { force: true });
    }
  }

  get diffs(): string {
    return path.join(this.home, 'diff');
  }

  get layers(): string {
    return path.join(this.home, 'layers');
  }

  get mounts(): string {
    return path.join(this.home, 'mnt');
  }

  diff(id: string): string {
    return path.join(this.diffs, checkId(id));
  }

  mountpoint(id: string): string {
    return path.join(this.mounts, checkId(id));
  }

  async exists(id: string): Promise<boolean> {
    return lstat(this.layersFile(id)).then(() => true, () => false);
  }

  async ids(): Promise<string[]> {
    return (await readdir(this.layers)).filter((name) => !name.startsWith('.'));
  }

  /**
   * The layers below one, from the top down.
   * @throws DriverError where there is no such layer
   */
  async parents(id: string): Promise<string[]> {
    let text: string;
    try {
      text = await readFile(this.layersFile(id), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new DriverError(`there is no layer ${id}`);
      throw error;
    }
    const parents = text.split('\n').filter((line) => line !== '');
    for (const parent of parents) checkId(parent);
    return parents;
  }

  /**
   * Docker may ask again when it had no answer: the same layer again is no error.
   * @param parent '' for a layer with none below it
   */
  async create(id: string, parent: string): Promise<void> {
    const below = parent === '' ? [] : [parent, ...await this.parents(parent)];
    if (await this.exists(id)) {
      if ((await this.parents(id)).join() === below.join()) return;
      throw new DriverError(`the layer ${id} exists already, with other layers below it`);
    }
    for (const directory of [this.mountpoint(id), this.diff(id)]) {
      await mkdir(directory, { recursive: true });
      await chmod(directory, 0o755);
      await chown(directory, this.owner.uid, this.owner.gid);
    }
    // Under its name only when it is whole: a chain of layers cut short would be another image.
    const unfinished = path.join(this.layers, `.${randomBytes(8).toString('hex')}`);
    await writeFile(unfinished, below.map((each) => `${each}\n`).join(''), { mode: 0o644 });
    await rename(unfinished, this.layersFile(id));
  }

  /** Removes a layer that is not mounted. What is not there is no error. */
  async remove(id: string): Promise<void> {
    await rm(this.layersFile(id), { force: true });
    const removing = this.diff(id) + REMOVING;
    await rename(this.diff(id), removing).catch(ignoreMissing);
    await rm(removing, { recursive: true, force: true });
    // Never what is in it: that would be what is mounted there.
    await rmdir(this.mountpoint(id)).catch(ignoreMissing);
  }

  private layersFile(id: string): string {
    return path.join(this.layers, checkId(id));
  }
}

/** Ids become names of files. Docker's are 64 hex digits, with `-init` for one kind of layer; BuildKit's are base 36. */
function checkId(id: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/.test(id) || id.endsWith(REMOVING)) {
    throw new DriverError(id === '' ? 'no layer is named' : `${JSON.stringify(id.slice(0, 100))} is no id of a layer`);
  }
  return id;
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
