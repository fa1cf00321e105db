// A graph driver that mounts nothing, in a directory of the test's.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GraphDriver } from '../../../src/layers/graphdriver/driver.js';
import type { Mounted, Mounter } from '../../../src/layers/graphdriver/mounter.js';
import type { DriverState } from '../../../src/layers/graphdriver/state.js';
import type { ParsedMount } from '../../../src/options/mount.js';

export class FakeMounter implements Mounter {
  readonly mounted = new Map<string, ParsedMount>();
  readonly dead = new Set<string>();
  readonly settled: string[] = [];
  refusal: string | undefined;

  async mount(mountpoint: string, options: ParsedMount): Promise<void> {
    await Promise.resolve();
    if (this.refusal !== undefined) throw new Error(this.refusal);
    if (this.mounted.has(mountpoint)) throw new Error(`${mountpoint} is mounted already`);
    this.mounted.set(mountpoint, options);
  }

  unmount(mountpoint: string): Promise<void> {
    if (!this.mounted.delete(mountpoint)) throw new Error(`${mountpoint} is not mounted`);
    this.dead.delete(mountpoint);
    return Promise.resolve();
  }

  look(mountpoint: string): Promise<Mounted> {
    return Promise.resolve(this.dead.has(mountpoint) ? 'dead' : this.mounted.has(mountpoint) ? 'union' : 'nothing');
  }

  settle(mountpoint: string): Promise<void> {
    this.settled.push(mountpoint);
    return Promise.resolve();
  }
}

export interface Kept {
  state: string | undefined;
}

export function newDriver(mounter: Mounter, kept: Kept): GraphDriver {
  return new GraphDriver(mounter, {
    load: () => kept.state === undefined ? undefined : JSON.parse(kept.state) as DriverState,
    save: (state) => {
      kept.state = state === undefined ? undefined : JSON.stringify(state);
    },
  }, () => undefined);
}

export const noMaps = { options: [], uidMaps: [], gidMaps: [] };

export function layer(driver: GraphDriver, id: string, parent = ''): Promise<void> {
  return driver.create({ id, parent, mountLabel: '', storageOptions: {} });
}

/** Files by path; those that end in `/` are directories. */
export function fill(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const whole = path.join(directory, name);
    mkdirSync(name.endsWith('/') ? whole : path.dirname(whole), { recursive: true });
    if (!name.endsWith('/')) writeFileSync(whole, content);
  }
}
